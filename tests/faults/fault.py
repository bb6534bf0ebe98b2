# SPDX-License-Identifier: Apache-2.0
"""What a fault is, and whether it did harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .probes import Result
from .stage import Stage


@dataclass(frozen=True)
class Bound:
    """No probe may be lost; or, with 'milliseconds', some for so long."""

    milliseconds: float = 0
    after: str = ""         # What that time begins with, if not the fault.

    def __str__(self) -> str:
        if not self.milliseconds:
            return "0 lost"
        if self.milliseconds == float("inf"):
            return "none"
        after = f" after {self.after}" if self.after else ""
        return f"{self.milliseconds:g} ms{after}"


NO_LOSS = Bound()
DRIFT = Bound(1000)
NO_BOUND = Bound(float("inf"))


@dataclass
class Fault:
    """'act' does it, and returns once everything should work again.  With a
    bound that says after what, it returns when that was, in seconds since the
    epoch.  With 'same', vtepd has to leave all as it was."""

    name: str
    title: str
    proves: str             # Cases of the field.
    bound: Bound
    act: Callable[[Stage], float | None]
    same: bool = True


@dataclass
class Verdict:
    fault: Fault
    result: Result | None = None
    milliseconds: float = 0     # That nothing was forwarded, see Bound.
    troubles: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.troubles

    def judge(self, since: float | None) -> None:
        result, bound = self.result, self.fault.bound
        assert result
        for what in ("repeated", "strayed"):
            if n := result.total(what):
                self.troubles.append(f"{n} probes {what}")
        last = result.last_outage()
        if not bound.milliseconds:
            if lost := result.total("lost"):
                self.troubles.append(f"{lost} probes lost")
            return
        if since is None:
            self.milliseconds = result.longest("outage")
        elif last:
            self.milliseconds = max(0, last.end - since) * 1000
        if self.milliseconds > bound.milliseconds:
            self.troubles.append(f"{self.milliseconds:.0f} ms")


FAULTS: list[Fault] = []


def fault(name: str, title: str, proves: str = "", bound: Bound = NO_LOSS,
          same: bool = True
          ) -> Callable[[Callable[[Stage], float | None]],
                        Callable[[Stage], float | None]]:
    """A function that is a fault."""
    def register(act: Callable[[Stage], float | None]
                 ) -> Callable[[Stage], float | None]:
        FAULTS.append(Fault(name, title, proves, bound, act, same))
        return act

    return register
