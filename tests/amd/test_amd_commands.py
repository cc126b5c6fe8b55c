"""The commands: exit codes, the table, and labels that can't be trained on."""

import io
import wave
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from amd.training import LabelsError, read_clips


def write_wav(path: Path, seconds: float, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(round(seconds * rate) * 2))
    return path


def classify(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("amd_classify", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_classify_writes_a_table_and_ends_well(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "silent, long.wav", 6)
    status, out, err = classify(str(tmp_path), "--csv")
    header, row = out.splitlines()
    assert (status, err) == (0, "")
    assert header == "path,verdict,cause,decision_ms"
    assert row.startswith(f'"{path}",HUMAN,')


def test_classify_names_what_it_skips(tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", 1)
    write_wav(tmp_path / "fast.wav", 1, rate=16000)
    status, out, err = classify(str(tmp_path), "--csv", "--profile", "fast")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert err == f"{tmp_path / 'fast.wav'} has 16000 samples a second, 8000 are needed; skipped\n"


def test_classify_without_any_verdict_ends_with_2(tmp_path: Path) -> None:
    assert classify(str(tmp_path))[0] == 2
    assert classify(str(tmp_path / "gone.wav"), "--csv")[0] == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "needs the columns path and label"),
        ("file,label\na.wav,human\n", "needs the columns path and label"),
        ("path,label\na.wav,robot\n", "line 2: the label is human or machine"),
        ("path,label\na.wav,human\n", "clips of both people and machines"),
    ],
)
def test_labels_that_cannot_be_trained_on_are_refused(text: str, why: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", 1)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(LabelsError, match=why):
        read_clips(tmp_path / "labels.csv")
    with pytest.raises(LabelsError, match="No such file"):
        read_clips(tmp_path / "none.csv")


def test_train_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"scikit-learn is missing|No such file"):
        call_command("amd_train", str(tmp_path / "none.csv"))
