"""What every comparison uses: a figure with its goal, and timers that survive a noisy machine."""

from __future__ import annotations

import gc
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a comparison.

    Args:
        name: What was measured.
        ours: Our measurement, in the unit the name says.
        peer: The peer's measurement in the same run; None where the goal is absolute.
        value: What the goal is about: `ours / peer` wherever time is involved.
        goal: The bound.
        sense: Whether the value should stay below or above the bound.
        note: What a reader should know.
    """

    name: str
    ours: float
    peer: float | None
    value: float
    goal: float | None
    sense: Literal["<=", ">="] = "<="
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a row without a goal is information."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.sense == "<=" else self.value >= self.goal


def ratio(name: str, ours: float, peer: float, goal: float | None, note: str = "") -> Figure:
    """A figure whose value is ours over the peer's."""
    return Figure(name, ours, peer, ours / peer if peer else float("inf"), goal, note=note)


def timed(call: Callable[[], object]) -> float:
    """CPU seconds of one call, without what is garbage already and without a look for more."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        call()
        return time.process_time() - began
    finally:
        gc.enable()


def interleaved(
    candidates: Mapping[str, Callable[[], object]], rounds: int = 41, slice_s: float = 0.001
) -> dict[str, float]:
    """Seconds per call of each candidate: the 10th percentile over rounds in which all run in random order.

    Args:
        candidates: What to call, by name.
        rounds: How many rounds.
        slice_s: About how long one candidate runs in one round, in seconds.
    """
    loops = {name: _loops(call, slice_s) for name, call in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    shuffle = random.Random(0)
    empty = _loop_cost()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle.shuffle(names)
            for name in names:
                spent = _time(candidates[name], loops[name]) / loops[name] - empty
                samples[name].append(max(spent, 1e-10))
    finally:
        if was_enabled:
            gc.enable()
    return {name: percentile(values, 10) for name, values in samples.items()}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which a share of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole process cost: CPU seconds with its children, wall seconds, the largest memory in MiB."""

    cpu: float
    wall: float
    peak_mib: float
    output: str


def process(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command and say what it cost.

    Raises:
        RuntimeError: It ended with another code than 0; the text holds its output.
    """
    script = (
        "import json,resource,subprocess,sys,time;began=time.perf_counter();"
        "done=subprocess.run(sys.argv[1:],capture_output=True,text=True);spent=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([spent.ru_utime+spent.ru_stime,time.perf_counter()-began,spent.ru_maxrss/1024,"
        "done.returncode,done.stdout,done.stderr]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=cwd, env=env, capture_output=True, text=True, check=True
    )
    cpu, wall, peak, code, out, err = json.loads(ran.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{out}\n{err}")
    return Cost(cpu, wall, peak, out)


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(figures: Sequence[Figure], file: Path | None) -> None:
    """Print the figures as a table, and write them as JSON."""
    width = max((len(one.name) for one in figures), default=4)
    print(f"{'':{width}}  {'ours':>12} {'peer':>12} {'value':>9} {'goal':>9}")
    for one in figures:
        peer = "" if one.peer is None else f"{one.peer:.6g}"
        goal = "" if one.goal is None else f"{one.sense} {one.goal:g}"
        verdict = "" if one.goal is None else ("met" if one.met else "NOT MET")
        print(f"{one.name:{width}}  {one.ours:>12.6g} {peer:>12} {one.value:>9.4g} {goal:>9}  {verdict}  {one.note}")
    if file is not None:
        rows = [{**asdict(one), "met": one.met} for one in figures]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"figures": rows}, indent=2) + "\n", encoding="utf-8")


def _loops(call: Callable[[], object], slice_s: float) -> int:
    loops = 1
    while _time(call, loops) < slice_s and loops < 10_000_000:
        loops *= 2
    return loops


def _time(call: Callable[[], object], loops: int) -> float:
    turns = range(loops)
    began = time.perf_counter()
    for _ in turns:
        call()
    return time.perf_counter() - began


def _loop_cost() -> float:
    def empty(loops: int) -> float:
        began = time.perf_counter()
        for _ in range(loops):
            pass
        return time.perf_counter() - began

    return min(empty(100_000) for _ in range(7)) / 100_000
