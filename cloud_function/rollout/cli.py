"""`python -m rollout`: the same code as the function's, by hand.

Prints what came out, one target a line; the log of how goes to stderr. Exit statuses:
0 done or nothing to do, 1 it did not work, 2 it was asked for in a wrong way, 3 try again later.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rollout import changes, event, log
from rollout.build import Build
from rollout.delivery import Delivery
from rollout.errors import PermanentError, RolloutError, SettingsError, TransientError
from rollout.execution import Execution, Options, Outcome
from rollout.settings import Settings
from rollout.state import written
from rollout.targets import Target

_BAD = frozenset({"error", "failed", "rolled-back"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments`; return the exit status."""
    parsed = _parser().parse_args(arguments)
    log.to_stderr()
    try:
        settings = Settings.from_environment()
        chosen = _chosen(settings.targets, parsed.target)
        dry = settings.dry_run or getattr(parsed, "dry_run", False)
        settings = replace(settings, targets=chosen, dry_run=dry)
        command: Callable[[Delivery, argparse.Namespace], list[Outcome]] = parsed.command
        outcomes = command(Delivery(settings), parsed)
    except SettingsError as error:
        print(f"rollout: {error}", file=sys.stderr)
        return 2
    except TransientError as error:
        print(f"rollout: {error}", file=sys.stderr)
        return 3
    except RolloutError as error:
        print(f"rollout: {error}", file=sys.stderr)
        return 1
    _print(outcomes, as_json=parsed.json)
    by_hand = parsed.command is _rollback
    bad = _BAD - {"rolled-back"} if by_hand else _BAD
    return 1 if any(outcome.result in bad for outcome in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "rollout", description="Rolls builds out by hand. Settings come from the environment."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--target", metavar="LABEL", help="only this target of TARGETS")
    common.add_argument("--json", action="store_true", help="print one JSON object a target")
    dry = argparse.ArgumentParser(add_help=False)
    dry.add_argument("--dry-run", action="store_true", help="let the API only check it")
    of_build = argparse.ArgumentParser(add_help=False)
    of_build.add_argument("build", metavar="BUILD", help="a build's id, or a file with its message")
    of_build.add_argument("--force", action="store_true", help="whatever speaks against it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str,
        command: Callable[[Delivery, argparse.Namespace], list[Outcome]],
        help: str,
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, parents=[common, *parents])
        added.set_defaults(command=command)
        return added

    add("plan", _plan, "say what would be done about a build", of_build)
    add("apply", _apply, "roll a build out and watch it", of_build, dry)
    add("status", _status, "say what is live, and what is remembered")
    rollback = add("rollback", _rollback, "bring the image before back", dry)
    rollback.add_argument("--reason", default="rolled back by hand")
    hold = add("hold", _hold, "deploy nothing until resumed", dry)
    hold.add_argument("reason", metavar="REASON")
    resume = add("resume", _resume, "take over what is live, and deploy again", dry)
    resume.add_argument("--digest", default="", help="let this digest out of quarantine")
    approve = add("approve", _approve, "let a build that waits be rolled out", dry)
    approve.add_argument("build", metavar="BUILD")
    reconcile = add("reconcile", _reconcile, "find what was missed, and repair it", dry)
    reconcile.add_argument("--report", action="store_true", help="only say what was missed")
    return parser


def _plan(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    build = _build(delivery, arguments.build)

    def plan(execution: Execution) -> Outcome:
        _, decision = execution.plan(build, force=arguments.force)
        return Outcome(
            execution.target.label,
            str(decision.action),
            decision.reason,
            decision.detail,
            str(decision.image or ""),
        )

    return delivery.on_each(delivery.targets, plan)


def _apply(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    options = Options(force=arguments.force, dry_run=arguments.dry_run)
    return delivery.roll_out(_build(delivery, arguments.build), options)


def _status(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    def status(execution: Execution) -> Outcome:
        snapshot = execution.read()
        known = {name: value for name, value in written(snapshot.state).items() if value}
        progress = execution.judge(snapshot)
        by_hand = snapshot.is_undone or snapshot.is_changed(execution.target)
        reason = "changed-by-hand" if by_hand else str(snapshot.state.phase) or "unknown"
        words = [progress.message, *(f"{name}={value}" for name, value in known.items())]
        images = ",".join(snapshot.images().values())
        return Outcome(
            execution.target.label, str(progress.verdict), reason, "; ".join(words), images
        )

    return delivery.on_each(delivery.targets, status)


def _rollback(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    return delivery.on_each(delivery.targets, lambda each: each.roll_back(arguments.reason))


def _hold(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    def hold(execution: Execution) -> Outcome:
        return execution.edit(
            lambda found: changes.note(found, replace(found.state, hold=arguments.reason)),
            f"held: {arguments.reason}",
        )

    return delivery.on_each(delivery.targets, hold)


def _resume(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    def resume(execution: Execution) -> Outcome:
        return execution.edit(
            lambda found: changes.adopt(found, execution.target, arguments.digest),
            "what is live is taken over; builds are deployed again",
        )

    return delivery.on_each(delivery.targets, resume)


def _approve(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    return delivery.approve(arguments.build)


def _reconcile(delivery: Delivery, arguments: argparse.Namespace) -> list[Outcome]:
    options = Options(dry_run=arguments.dry_run, report_only=True, is_sweep=True)
    return delivery.reconcile(options if arguments.report else None)


def _build(delivery: Delivery, named: str) -> Build:
    """Return the build of an id, or of a message in a file: what the file says is not believed."""
    if not Path(named).is_file():
        return delivery.builds.fetch(named)
    message = event.read(Path(named).read_bytes())
    if isinstance(message, event.Command):
        raise PermanentError(f"{named} holds a command, not a build")
    return delivery.believed(message)


def _chosen(targets: tuple[Target, ...], label: str | None) -> tuple[Target, ...]:
    if label is None:
        return targets
    chosen = tuple(
        target for target in targets if label in (target.label, target.deployment or target.service)
    )
    if not chosen:
        known = ", ".join(target.label for target in targets)
        raise SettingsError(f"--target {label!r}: must be one of {known}")
    return chosen


def _print(outcomes: list[Outcome], *, as_json: bool) -> None:
    for outcome in outcomes:
        if as_json:
            print(json.dumps(asdict(outcome)))
        else:
            image = f" [{outcome.image}]" if outcome.image else ""
            print(f"{outcome.target}: {outcome.result} ({outcome.reason}){image}: {outcome.detail}")
