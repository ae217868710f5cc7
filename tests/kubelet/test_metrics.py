"""Metrics in the text format of Prometheus."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.kubelet.metrics import Metrics

TEXT = """# HELP kubelet_runtime_operations_total Cumulative number of runtime operations.
# TYPE kubelet_runtime_operations_total counter
kubelet_runtime_operations_total{operation_type="version"} 2
kubelet_runtime_operations_total{operation_type="status"} 3
kubelet_node_name{node="a\\"b\\\\c,d}"} 1
process_cpu_seconds_total 1.5e+00
le_bucket{le="+Inf"} +Inf 1795930787318
"""


def test_samples_are_added_up() -> None:
    metrics = Metrics(TEXT)
    assert metrics.total("kubelet_runtime_operations_total") == 5
    assert metrics.total("kubelet_runtime_operations_total", operation_type="status") == 3
    assert metrics.total("kubelet_runtime_operations_total", operation_type="none") == 0
    assert metrics.total("process_cpu_seconds_total") == 1.5
    assert metrics.total("le_bucket", le="+Inf") == math.inf


def test_values_of_labels_are_unescaped() -> None:
    (sample,) = Metrics(TEXT).select("kubelet_node_name")
    assert sample.labels == {"node": 'a"b\\c,d}'}


def test_what_is_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="'<html>' is no sample"):
        Metrics("<html>")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(), max_size=3))
def test_labels_come_back_as_they_were(labels: dict[str, str]) -> None:
    escaped = {
        key: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for key, value in labels.items()
    }
    inside = ",".join(f'{key}="{value}"' for key, value in escaped.items())
    (sample,) = Metrics(f"x{{{inside}}} 1").samples
    assert sample.labels == labels
