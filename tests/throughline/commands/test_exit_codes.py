"""Wrong use and bad input: one clear line on stderr, and the exit code that says whose fault it was."""

from pathlib import Path

import pytest

from throughline.commands.main import main

SITE = "site: a\ncameras: [{id: c1}, {id: c2}]\nlinks: [{from: c1, to: c2, travel: {min: 1, max: 9}}]\n"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.mark.parametrize("command", [["run"], ["check"], ["events"], ["associate", "--tracks", "x", "--out", "y", "--site"]])
def test_a_wrong_site_file_is_named_with_line_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("site: a\ncameras:\n  - {id: c1, fpz: 3}\n")
    code, out, err = run(capsys, *command, wrong)
    assert (code, out) == (2, "")
    assert f"{wrong}:3: cameras[0].fpz: no such field" in err
    assert len(err.splitlines()) == 1
    code, _, err = run(capsys, *command, tmp_path / "nowhere.yaml")
    assert code == 2
    assert "no such file" in err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"], ["associate"], ["models"], ["run", "--only", "everything", "x"]])
def test_wrong_use_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_site_without_any_url_has_nothing_to_run(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    code, _, err = run(capsys, "run", site)
    assert code == 2
    assert "no camera of a has a url" in err


def test_two_sites_of_one_name_do_not_run_together(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    code, _, err = run(capsys, "run", site, site)
    assert code == 2
    assert "two site files are called a" in err


def test_a_missing_model_is_one_clear_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: a\nmodels: {detector: nowhere/yolo.onnx}\nkafka: {embedded_port: 0}\ntelemetry: {port: 0}\n"
        "cameras: [{id: c1, url: clip.mp4}]\n"
    )
    code, _, err = run(capsys, "run", path)
    assert code == 2
    assert "nowhere/yolo.onnx: no such model file" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_events_of_a_product_that_does_not_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"site: a\nkafka: {{embedded_port: {free_port}, request_timeout: 2s}}\ncameras: [{{id: c1}}]\n")
    code, _, err = run(capsys, "events", path)
    assert code == 1
    assert "is `throughline run` running with this site file?" in err.splitlines()[-1]


def test_associate_names_the_broken_row(capsys: pytest.CaptureFixture[str], site: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    (tracks / "c1.txt").write_text("1,1,0,0,10,10,1,-1,-1,-1\n2,one,0,0,10,10,1,-1,-1,-1\n")
    code, _, err = run(capsys, "associate", "--tracks", tracks, "--site", site, "--out", tmp_path / "out")
    assert code == 2
    assert "c1.txt:2" in err
    code, _, err = run(capsys, "associate", "--tracks", tmp_path / "none", "--site", site, "--out", tmp_path / "out")
    assert code == 2
    assert "no such folder" in err


def test_models_that_nobody_knows_or_nobody_can_pull(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "models", "pull", "yolo-gigantic")
    assert code == 2
    assert "no model is called" in err
    code, _, err = run(capsys, "models", "pull", "motion")
    assert code == 1
    assert "built in" in err
