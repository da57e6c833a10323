"""Captions of tables in plain words."""

from tests.support.stored_study import HITS, SPACE, finished_study
from tune.core.console import ReportTable
from tune.reporting.captions import CAPTIONS, caption_of
from tune.reporting.table import Table
from tune.reporting.tables import report_tables


def test_every_table_of_a_study_has_a_caption_of_its_own(tmp_path):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("fernn-v1", "grnn")}, {
        (model, lr, seed): hits for (old, lr, seed), hits in HITS.items()
        for model in (("grnn",) if old == "grnn" else ("fernn-v1",))
    })  # fmt: skip
    captions = {table.name: caption_of(table) for table in report_tables(Table.of(study))}
    assert {"table", "comparisons", "law", "cost"} <= captions.keys() <= CAPTIONS.keys()


def test_captions_are_sentences_and_a_published_table_keeps_its_title():
    assert all(text.endswith(".") and text[0].isupper() for text in CAPTIONS.values())
    assert caption_of(ReportTable("tan", "Tan, Table 2", ("model",), [])) == "Tan, Table 2"
