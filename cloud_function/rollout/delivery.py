"""What a message leads to: the one place where errors become an acknowledgement or another try.

Returning acknowledges. A transient error is raised at the end, after every target had its turn, so
that Pub/Sub delivers again; a permanent one is logged as an error, since it would fail for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rollout import build as builds
from rollout import event, log, notify
from rollout.build import FAILURES, Build
from rollout.cloud_build import CloudBuild, NewestBuilds
from rollout.decision import FOREIGN, Circumstances, decide, is_fit
from rollout.errors import BadEventError, PermanentError, TransientError
from rollout.event import BuildReport, Command
from rollout.execution import Execution, Options, Outcome
from rollout.gcp import GoogleApis
from rollout.platform import Platform
from rollout.platforms import connect
from rollout.registry import Registry
from rollout.settings import Settings
from rollout.state import Phase
from rollout.targets import Target

# Behind these a fit build may follow in the list: other services are built there too.
_PASSED_OVER = FOREIGN | {"no-image"}


class Delivery:
    """Takes messages; kept between invocations, and safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._apis = GoogleApis()
        self.targets = settings.targets
        self._announcer = notify.from_settings(settings)
        self._registry = Registry(
            self._apis, settings.artifact_registry_endpoint, settings.image_tags
        )
        self._platforms: dict[Target, Platform[Any]] = {}
        self._connecting = threading.Lock()
        self.builds = CloudBuild(
            self._apis, settings.cloud_build_endpoint, settings.project, settings.build_region
        )

    def take(self, content: object) -> list[Outcome]:
        """Do what a message asks for. Raises TransientError if it should be delivered again."""
        try:
            message = event.read(content)
            if isinstance(message, Command):
                return self._obey(message)
            return self._take_report(message)
        except PermanentError as error:
            log.event("permanent", f"not tried again: {error}", "ERROR")
            return []

    def roll_out(self, build: Build, options: Options | None = None) -> list[Outcome]:
        """Roll a build out on every target that takes it."""
        return self.on_each(self.targets, lambda each: each.run(build, options), build.id)

    def reconcile(self, options: Options | None = None) -> list[Outcome]:
        """Find what was missed and what has drifted, and repair it if that is wanted."""
        report_only = self._settings.reconcile == "report"
        options = options or Options(report_only=report_only, is_sweep=True)
        newest = self.builds.newest()

        def sweep(execution: Execution) -> Outcome:
            return self._sweep(execution, newest, options)

        return self.on_each(self.targets, sweep)

    def approve(self, build_id: str) -> list[Outcome]:
        """Let a build that waits for approval be rolled out."""
        build = self.builds.fetch(build_id)
        return self.on_each(self.targets, lambda each: each.approve(build))

    def on_each(
        self, targets: Sequence[Target], action: Callable[[Execution], Outcome], build_id: str = ""
    ) -> list[Outcome]:
        """Act on all targets at once; none waits for or fails with another."""
        transient: list[str] = []

        def attempt(target: Target) -> Outcome:
            try:
                return action(self._execution(target))
            except PermanentError as error:
                log.event("permanent", str(error), "ERROR", target=target.label)
                return Outcome(target.label, "error", "permanent", str(error))
            except TransientError as error:
                # The cluster may have moved: the next try asks again where it is.
                self._platforms.pop(target, None)
                log.event("transient", str(error), "WARNING", target=target.label)
                transient.append(f"{target.label}: {error}")
                return Outcome(target.label, "error", "transient", str(error))

        if len(targets) == 1:
            outcomes = [attempt(targets[0])]
        else:
            with ThreadPoolExecutor(len(targets)) as pool:
                outcomes = list(pool.map(attempt, targets))
        for outcome in outcomes:
            log.event(
                "outcome",
                outcome.detail,
                target=outcome.target,
                build=build_id,
                result=outcome.result,
                reason=outcome.reason,
                image=outcome.image,
            )
        if transient:
            raise TransientError("; ".join(transient))
        return outcomes

    def _take_report(self, report: BuildReport) -> list[Outcome]:
        status = builds.status(report.status)
        if status != "SUCCESS" and status not in FAILURES:
            message = f"build {report.build_id} is {status}: nothing to do yet"
            log.event("ignored", message, "DEBUG", build=report.build_id, reason="not-finished")
            return []
        return self.roll_out(self.believed(report))

    def believed(self, report: BuildReport) -> Build:
        """Return the build as Cloud Build itself tells it, unless that is switched off."""
        if self._settings.verify_build:
            return self.builds.fetch(report.build_id, builds.location(report.document))
        return builds.parse(report.document)

    def _obey(self, command: Command) -> list[Outcome]:
        if command.action not in self._settings.commands:
            raise BadEventError(f"action={command.action!r}: not among COMMANDS")
        log.event("command", f"a message asks to {command.action}", build=command.build_id)
        return self.reconcile() if command.action == "reconcile" else self.approve(command.build_id)

    def _sweep(self, execution: Execution, newest: NewestBuilds, options: Options) -> Outcome:
        snapshot = execution.read()
        state, pending = snapshot.state, snapshot.state.pending
        is_still = options.report_only or options.dry_run or self._settings.dry_run
        left = Outcome(execution.target.label, "skipped", "no-build", "no build fits this target")
        if state.phase == Phase.ROLLING and not is_still:
            left = execution.carry_on(state.build_id)
        if state.phase == Phase.LIVE and not is_still:
            execution.tag(state)  # whoever saw it get live may have been cut short
        if pending and state.approved == pending.build_id:
            return execution.run(self.builds.fetch(pending.build_id), options)
        circumstances = Circumstances(0, self._settings.allow_manual_builds)
        for build in newest:
            if not is_fit(build, execution.target, circumstances):
                continue
            if decide(build, snapshot, execution.target, circumstances).reason in _PASSED_OVER:
                continue
            found = execution.run(build, options)
            # What came of a rollout left alone is news; that nothing else is due is not.
            is_news = left.reason != "no-build" and found.result in ("skipped", "refused")
            return left if is_news else found
        return left

    def _execution(self, target: Target) -> Execution:
        with self._connecting:
            if target not in self._platforms:
                self._platforms[target] = connect(target, self._apis, self._settings)
            platform = self._platforms[target]
        return Execution(platform, target, self._settings, self._announcer, self._registry)
