"""The command stays true: a tiny run of everything, and the page that shows a whole one."""

import json
import os
import subprocess
import sys

from bench import page
from bench.__main__ import PAGE, PICTURE, RESULTS
from bench.goals import TITLES, Verdict, verdicts
from bench.inside import costs
from bench.measuring import Sample
from bench.operations import OPERATIONS
from bench.serving import ROOT


def test_a_tiny_run_measures_everything_and_says_what_was_reached(tmp_path):
    out = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench", "--sizes", "40,80", "--rounds", "1"]
    command += ["--requests", "8", "--out", str(out), "--data", str(tmp_path)]
    # Servers of its own: durable ones, as a bench needs; and nothing that is for tests only.
    ours = ("DATABASE_URL", "REDIS_URL", "FAILPOINTS", "SANDBOX_", "BANK_")
    own = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    ended = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-1500:]
    results = json.loads(out.read_text())
    for size in ("40", "80"):
        assert set(results["sizes"][size]["figures"]) == set(TITLES)
        counts = results["sizes"][size]["counts"]
        assert set(counts["shop"]) == {o.name for o in OPERATIONS}
        once = {"queries": 1, "round_trips": 1, "write_commits": 1}
        assert counts["shop"]["notification"] == once
        assert counts["shop"]["repeated_notification"] == once | {"write_commits": 0}
        assert counts["shop"]["place_order"]["write_commits"] == 1
        assert counts["shop"]["start_payment"]["write_commits"] == 2
    assert {results["seed"], results["rounds"]} == {1}
    printed = [line for line in ended.stdout.splitlines() if "reached" in line]
    assert len(printed) == len(verdicts(results))
    assert "place order : limit" in ended.stdout
    assert "time at 80 : 40 orders" in ended.stdout


def test_the_page_and_the_picture_show_the_results_that_are_kept():
    results = json.loads(RESULTS.read_text())
    assert page.rendered(PAGE.read_text(), results) == PAGE.read_text()
    assert page.figures(results) in PAGE.read_text()
    assert page.picture(results) == PICTURE.read_text()


def test_what_falls_short_of_its_goal_is_said():
    assert Verdict("place order : limit", 0.1, 0.10).reached
    assert not Verdict("place order : limit", 0.099, 0.10).reached
    assert Verdict("growth", 1.15, 1.15, at_least=False).reached
    assert not Verdict("growth", 1.16, 1.15, at_least=False).reached


def test_a_sample_is_what_was_measured():
    sample = Sample.of(2.0, [4.0, 1.0, 2.0, 3.0])
    assert (sample.per_second, sample.p50, sample.p99) == (2.0, 2.5, 4.0)


def test_a_transaction_that_only_reads_is_no_write_commit():
    assert costs(
        ["BEGIN", "SELECT 1", "COMMIT", "INSERT INTO a", "BEGIN", "UPDATE a", "COMMIT"]
    ) == {
        "queries": 3,
        "round_trips": 7,
        "write_commits": 2,
    }
