"""The worked example of ``indicators/README.md`` runs as it stands there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import RequirementError
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Predictions

README = Path(__file__).resolve().parents[2] / "indicators" / "README.md"
IMPORTS = """from __future__ import annotations
import dataclasses
from dataclasses import dataclass
import numpy as np
import pandas as pd
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.core.errors import RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.stats.outcomes import Outcomes
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Predictions
"""


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)
    (tmp_path / "seen_or_not.py").write_text(IMPORTS + code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("seen_or_not", tmp_path / "seen_or_not.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "seen_or_not", module)
    spec.loader.exec_module(module)
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(80)], "path": "", "cluster_id": np.arange(80), "split": "", "label": "",
        "text": "", "gender": ["female", "male"] * 40,
    })  # fmt: skip
    gender = Feature("gender", ("female", "male"), "annotated", "by hand")
    samples = Samples("faces", "x", "people", Path(), table, (gender,), "image", "CC0")
    labels = np.array([["face"], ["tench"], ["face"], ["face"]] * 20)
    predictions = Predictions(samples.sample_ids, labels, np.full((80, 1), 0.5, np.float32), ("face", "tench"), "head")
    assert module.INDICATOR.needs == ("predictions",)
    result = module.compute(samples=samples, config=module.Config(), predictions=predictions)
    values = result.groups.set_index("group")["value"]
    assert values.to_dict() == pytest.approx({"overall": 0.75, "female": 1.0, "male": 0.5})
    with pytest.raises(RequirementError, match=r"the head does not know 'car'. Choose one of its labels."):
        module.compute(samples=samples, config=module.Config(label="car"), predictions=predictions)
