"""One build on one target, from the decision to the end of the rollout.

It may be cut short anywhere and run again, also at the same time by others: every step reads the
target anew, and every write is valid only for what was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from rollout import changes, log
from rollout.build import Build, Image, digest_of
from rollout.changes import Change
from rollout.decision import FOREIGN, TOLD, Action, Circumstances, Decision, decide
from rollout.errors import ConflictError, RolloutError, TransientError
from rollout.notify import Announcer, Transition
from rollout.platform import Platform
from rollout.progress import Progress, Verdict
from rollout.registry import Registry
from rollout.settings import Settings
from rollout.snapshot import Snapshot
from rollout.state import Phase, State
from rollout.targets import Target

_Result = TypeVar("_Result")

_MOST_CONFLICTS = 30
_LONGEST_PAUSE_S = 0.25


@dataclass(frozen=True)
class Outcome:
    """What became of a build on a target."""

    target: str
    result: str
    reason: str
    detail: str
    image: str = ""


@dataclass(frozen=True)
class Options:
    """What a person may ask for besides."""

    force: bool = False
    dry_run: bool = False
    report_only: bool = False
    # A sweep comes by again and again: what it finds as it was is not told anew.
    is_sweep: bool = False

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody is to be told of what is left alone."""
        return self.dry_run or self.report_only or self.is_sweep


class Execution:
    """Rolls one build out on one target; used once."""

    def __init__(
        self,
        platform: Platform[Any],
        target: Target,
        settings: Settings,
        announcer: Announcer,
        registry: Registry,
    ) -> None:
        self._platform = platform
        self.target = target
        self._settings = settings
        self._announcer = announcer
        self._registry = registry
        self._started = time.monotonic()
        self._judge = platform.watcher()

    def read(self) -> Snapshot:
        """Return the target as it is now."""
        found: Snapshot = self._platform.snapshot()
        return found

    def judge(self, snapshot: Snapshot) -> Progress:
        """Return how far what was rolled out last is."""
        return self._judge(snapshot)

    def plan(self, build: Build, *, force: bool = False) -> tuple[Snapshot, Decision]:
        """Return what would be done about `build` now."""
        snapshot = self.read()
        circumstances = Circumstances(time.time(), self._settings.allow_manual_builds, force)
        return snapshot, decide(build, snapshot, self.target, circumstances)

    def run(self, build: Build, options: Options | None = None) -> Outcome:
        """Do what is to be done about `build`, to its end. Raises RolloutError."""
        options = options or Options()
        return self._until_no_conflict(lambda: self._step(build, options))

    def _until_no_conflict(self, step: Callable[[], _Result]) -> _Result:
        for number in range(_MOST_CONFLICTS):
            try:
                return step()
            except ConflictError:
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.01 * 2**number)))
        raise TransientError(
            f"{self.target.label} changed {_MOST_CONFLICTS} times while being patched"
        )

    def _step(self, build: Build, options: Options) -> Outcome:
        snapshot, decision = self.plan(build, force=options.force)
        if decision.reason not in FOREIGN:
            self._log_decision(build, decision)
        if decision.action in (Action.SKIP, Action.REFUSE):
            if decision.reason in TOLD and not options.is_silent:
                self._announce(snapshot, decision.reason, build, decision.detail)
            result = "refused" if decision.action == Action.REFUSE else "skipped"
            return self._outcome(result, decision.reason, decision.detail)
        if options.report_only:
            return self._outcome("reported", decision.reason, decision.detail, decision.image)
        image = decision.image
        is_dry = options.dry_run or self._settings.dry_run
        if decision.action == Action.WATCH or image is None:
            if is_dry:
                return self._outcome("planned", decision.reason, decision.detail, image)
            return self._watch(build.id)
        if decision.action == Action.ASK:
            expires_s = int(time.time() + self._settings.approval_timeout_s)
            change = changes.ask(build, snapshot, image, expires_s)
        else:
            change = changes.roll(build, snapshot, self.target, image)
        changed = self._change(snapshot, change, dry_run=is_dry)
        if is_dry:
            return self._outcome("planned", decision.reason, decision.detail, image)
        return self._carry_on(build, changed, decision)

    def _carry_on(self, build: Build, snapshot: Snapshot, decision: Decision) -> Outcome:
        """Tell of what was just patched and go on from there."""
        if decision.action == Action.ASK:
            self._announce(snapshot, "approval-required", build, decision.detail)
            return self._outcome("pending", decision.reason, decision.detail, decision.image)
        self._log("patched", f"{decision.image} is rolled out", build.id, image=decision.image)
        self._announce(snapshot, "rolling", build, f"{decision.image} is rolled out")
        return self._watch(build.id)

    def _watch(self, build_id: str) -> Outcome:
        return self._until_no_conflict(lambda: self._look_until_settled(build_id))

    def _look_until_settled(self, build_id: str) -> Outcome:
        """Watch until the rollout has ended, one way or the other, or somebody takes over."""
        troubled_since: float | None = None
        said = ""
        while True:
            snapshot = self.read()
            if gone := self._taken_over(snapshot, build_id):
                return gone
            progress = self._judge(snapshot)
            if progress.message != said:
                said = progress.message
                self._log("progress", said, build_id, reason=progress.reason)
            if progress.verdict == Verdict.COMPLETE:
                return self._settle(snapshot)
            if progress.verdict == Verdict.READY:
                self._change(snapshot, changes.promote(snapshot))
                continue
            now = time.monotonic()
            is_troubled = progress.verdict == Verdict.TROUBLED
            troubled_since = (troubled_since or now) if is_troubled else None
            has_lasted = (
                troubled_since is not None
                and now - troubled_since >= self._settings.trouble_timeout_s
            )
            if progress.verdict == Verdict.FAILED or has_lasted:
                return self._restore(snapshot, progress)
            if now - self._started > self._settings.watch_timeout_s:
                raise TransientError(
                    f"{self.target.label}: build {build_id} still rolls out: {said}"
                )
            time.sleep(self._settings.poll_interval_s)

    def _taken_over(self, snapshot: Snapshot, build_id: str) -> Outcome | None:
        """Return what to leave it at if this rollout is not this one's any more; else None."""
        state = snapshot.state
        if snapshot.is_undone or snapshot.is_changed(self.target):
            return self._outcome("stopped", "changed-by-hand", "somebody has set another image")
        if state.build_id != build_id:
            return self._outcome("stopped", "superseded", f"build {state.build_id} took over")
        if state.phase != Phase.ROLLING:
            return self._outcome(str(state.phase), "settled", state.reason or "settled by another")
        if snapshot.pause:
            return self._outcome("stopped", "paused", f"by hand: {snapshot.pause}")
        return None

    def _settle(self, snapshot: Snapshot) -> Outcome:
        state = replace(snapshot.state, phase=Phase.LIVE, reason="")
        changed = self._change(snapshot, changes.note(snapshot, state))
        self._log("live", f"{state.image} is live", state.build_id, image=state.image)
        self._announce(changed, "live", state, f"{state.image} is live")
        self.tag(state)
        return self._outcome("live", "complete", f"{state.image} is live", state.image)

    def _restore(self, snapshot: Snapshot, progress: Progress) -> Outcome:
        """Bring back what was good before, remember what was not, and say why."""
        failed = snapshot.state
        reason = f"{progress.reason}: {progress.message}"
        is_images_fault = progress.is_images_fault
        change, good = changes.restore(
            snapshot, self.target, reason, is_images_fault=is_images_fault
        )
        changed = self._change(snapshot, change)
        if good:
            fate = "is refused" if is_images_fault else "is not to blame and may come again"
            kind, detail = "rolled-back", f"{good} is back, {digest_of(failed.image)} {fate}"
            detail += self._warning_of(good)
        else:
            kind, detail = "failed", f"{failed.image} stays, since nothing good before it is known"
            if self.target.on_failure == "report":
                detail = f"{failed.image} stays, as ON_FAILURE=report says"
        detail = f"{reason}; {detail}"
        self._log(kind, detail, failed.build_id, "ERROR", image=failed.image, restored=good)
        self._announce(changed, kind, failed, detail)
        if good:
            self._await_restored(failed)
        return self._outcome(kind, progress.reason, detail, good)

    def roll_back(self, reason: str) -> Outcome:
        """Bring back what was before by hand; the digest that is left is refused from now on."""

        def step() -> Outcome:
            target = replace(self.target, on_failure="rollback")
            snapshot = self.read()
            state = snapshot.state
            change, good = changes.restore(snapshot, target, reason)
            if not good:
                return self._outcome("failed", "nothing-before", "no earlier image is known")
            changed = self._change(snapshot, change, dry_run=self._settings.dry_run)
            if self._settings.dry_run:
                return self._outcome("planned", "by-hand", f"{good} would come back", good)
            self._log("rolled-back", reason, state.build_id, "WARNING", restored=good)
            detail = f"{reason}; {good} is back{self._warning_of(good)}"
            self._announce(changed, "rolled-back", state, detail)
            self._await_restored(state)
            return self._outcome("rolled-back", "by-hand", f"{good} is back", good)

        return self._until_no_conflict(step)

    def approve(self, build: Build) -> Outcome:
        """Let a build that waits for approval be rolled out."""

        def mark() -> Outcome | None:
            snapshot = self.read()
            pending = snapshot.state.pending
            if pending is None or pending.build_id != build.id:
                waiting = f"build {pending.build_id} waits" if pending else "none waits"
                detail = f"build {build.id} does not wait for approval; {waiting}"
                return self._outcome("skipped", "not-pending", detail)
            state = replace(snapshot.state, approved=build.id)
            noted = changes.note(snapshot, state)
            self._change(snapshot, noted, dry_run=self._settings.dry_run)
            return None

        return self._until_no_conflict(mark) or self.run(build)

    def edit(self, change: Callable[[Snapshot], Change], what: str) -> Outcome:
        """Write what a person asks for into the annotations."""

        def write() -> Outcome:
            snapshot = self.read()
            self._change(snapshot, change(snapshot), dry_run=self._settings.dry_run)
            self._log("by-hand", what, snapshot.state.build_id)
            result = "planned" if self._settings.dry_run else "done"
            return self._outcome(result, "by-hand", what)

        return self._until_no_conflict(write)

    def carry_on(self, build_id: str) -> Outcome:
        """Go on watching a rollout that was left alone."""
        return self._watch(build_id)

    def tag(self, state: State) -> None:
        """Have the registry keep what serves, and what would come back; no rollout fails by it."""
        try:
            self._registry.tag(live=state.image, previous=state.previous_image)
        except RolloutError as error:
            message = f"the tags live and previous are not moved: {error}"
            self._log("not-tagged", message, state.build_id, "WARNING")

    def _warning_of(self, good: str) -> str:
        """Return a word of warning where the image that comes back cannot be pulled any more."""
        if not self._registry.lacks(good):
            return ""
        return ", but it is gone from the registry: pods on nodes that do not have it cannot start"

    def _await_restored(self, failed: State) -> None:
        """Say when the old image serves alone again, if there is time left to see it."""
        while time.monotonic() - self._started < self._settings.watch_timeout_s:
            snapshot = self.read()
            if snapshot.state.phase != Phase.ROLLED_BACK:
                return
            if self._judge(snapshot).verdict == Verdict.COMPLETE:
                image = snapshot.state.image
                self._log("restored", f"{image} serves again", failed.build_id, image=image)
                return
            time.sleep(self._settings.poll_interval_s)
        self._log("restoring", "the old image is still coming back", failed.build_id, "WARNING")

    def _change(self, snapshot: Snapshot, change: Change, *, dry_run: bool = False) -> Snapshot:
        """Write a change, valid only for `snapshot`, and return what has become of it."""
        changed: Snapshot = self._platform.change(snapshot, change, dry_run=dry_run)
        return changed

    def _announce(self, snapshot: Snapshot, kind: str, subject: Build | State, detail: str) -> None:
        transition = Transition(
            kind=kind,
            target=self.target.label,
            build_id=subject.id if isinstance(subject, Build) else subject.build_id,
            commit=subject.commit,
            ref=subject.ref,
            source=subject.source,
            log_url=subject.log_url,
            image=snapshot.state.image,
            detail=detail,
            serial=snapshot.state.serial,
        )
        self._announcer.announce(self._platform, snapshot, transition)

    def _log_decision(self, build: Build, decision: Decision) -> None:
        severity = "ERROR" if decision.action == Action.REFUSE else "INFO"
        if decision.action == Action.SKIP and decision.reason in TOLD:
            severity = "WARNING"
        self._log(
            "decision",
            decision.detail,
            build.id,
            severity,
            decision=str(decision.action),
            reason=decision.reason,
            commit=build.commit,
            ref=build.ref,
            image=decision.image,
        )

    def _log(
        self, name: str, message: str, build_id: str, severity: str = "INFO", **fields: object
    ) -> None:
        took = round(time.monotonic() - self._started, 3)
        log.event(
            name,
            message,
            severity,
            target=self.target.label,
            build=build_id,
            duration_s=took,
            **fields,
        )

    def _outcome(
        self, result: str, reason: str, detail: str, image: Image | str | None = None
    ) -> Outcome:
        return Outcome(self.target.label, result, reason, detail, str(image or ""))
