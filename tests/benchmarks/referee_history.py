"""What a forecasting library expects of the real days, beside what the gate does: whether a better rule would see more.

Offline only. A state-space model (level, damped trend, weekly season) over the logarithm of orders, fitted again every
few weeks and one day ahead each morning, as the gate's rule is; both with the same bound: what 98 of 100 days kept.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from datetime import date

from blocks.quality.history.expectation import Usual
from tests.benchmarks.bench_history import read_lines
from tests.conftest import REAL_ERP

FIRST, REFIT, RARELY = 90, 28, 0.98
SHIFTS = {"cut to 15 %": 0.15, "cut to 50 %": 0.5, "doubled": 2.0}


def main() -> None:
    """Print how far off each is, and which faults each would see at its own 98 of 100."""
    if not REAL_ERP.is_dir():
        print("real lines: ../shared/data is not here")
        return
    total, _ = read_lines(REAL_ERP)
    values = {day: float(total[day]["orders"] or 0) for day in sorted(total) if total[day]["orders"]}
    say("the gate's rule", list_own_errors(values))
    say("statsmodels", list_referee_errors(values))


def list_own_errors(values: dict[date, float]) -> list[float]:
    """How far off the gate's rule was, one day ahead, as logarithms."""
    days = sorted(values)
    usual = Usual({day: values[day] for day in days[:FIRST]}, "day")
    found = []
    for day in days[FIRST:]:
        found.append(usual.measure_error(day, values[day])[0])
        usual.learn(day, values[day])
    return found


def list_referee_errors(values: dict[date, float]) -> list[float]:
    """The same of a model of statsmodels; its week has as many days as the shop is open."""
    from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing

    logs = [math.log(values[day]) for day in sorted(values)]
    found: list[float] = []
    model = None
    for at in range(FIRST, len(logs)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if model is None or (at - FIRST) % REFIT == 0:
                made = ExponentialSmoothing(logs[:at], trend=True, damped_trend=True, seasonal=6)
                model = made.fit(disp=False)
            found.append(logs[at] - float(model.forecast(1)[0]))
            model = model.append([logs[at]], refit=False)
    return found


def say(name: str, errors: Sequence[float]) -> None:
    """One line."""
    size = sorted(map(abs, errors))[len(errors) // 2]
    seen = {}
    for fault, factor in SHIFTS.items():
        sign = 1 if factor > 1 else -1
        bound = sorted(sign * error for error in errors)[int((len(errors) - 1) * RARELY)]
        seen[fault] = sum(sign * (error + math.log(factor)) > bound for error in errors) / len(errors)
    told = ", ".join(f"{fault} {share:.0%}" for fault, share in seen.items())
    print(f"  {name}: half of {len(errors)} days within {math.expm1(size):.0%}; seen of orders alone: {told}")


if __name__ == "__main__":
    main()
