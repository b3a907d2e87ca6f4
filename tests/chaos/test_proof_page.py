"""docs/proof.md says what the result file holds, and a run's figures have what the page needs."""

from chaos import proof_page, results


def test_the_page_equals_the_result_file():
    assert proof_page.PAGE.read_text() == proof_page.page(results.read())


def test_a_kept_run_takes_the_place_of_the_last_one_of_its_name(tmp_path):
    path = tmp_path / "proof" / "results.json"
    results.keep("a run", {"orders": 1}, path)
    results.keep("another", {"orders": 2}, path)
    results.keep("a run", {"orders": 3}, path)
    assert results.read(path) == {"a run": {"orders": 3}, "another": {"orders": 2}}


def test_every_kept_run_was_clean_and_names_its_commit_and_seed():
    runs = {name: run for name, run in results.read().items() if name != proof_page.LAYERS_RUN}
    assert runs
    for run in runs.values():
        assert run["clean"]
        assert run["commit"]
        assert run["seed"]
        assert not any(run["zeros"].values())


def test_a_missed_goal_is_said():
    run = next(iter(results.read().values()))
    slow = run | {"calm_seconds": 11.5, "polls_max": 13}
    said = list(proof_page._missed(slow))
    assert "11.5 seconds until all was final; the goal is at most 10" in said
    assert "13 questions for one attempt; the goal is at most 12" in said
