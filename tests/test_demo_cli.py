"""The command line of the replay tool."""

from pathlib import Path

import pytest

from demo import cli, report, uplink
from tests.gpx_files import at, gpx


class TestCommand:
    def test_errors_are_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main([str(tmp_path / "none.gpx")]) == 2
        assert cli.main(["--api-key-file", str(tmp_path / "none")]) == 2
        errors = capsys.readouterr().err.splitlines()
        assert [line.startswith("replay: ") for line in errors] == [True, True]

    def test_two_files_of_one_name(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(gpx(tmp_path / "a.gpx", [at(0)]))
        assert cli.main([path, path]) == 2
        assert "two files are named a" in capsys.readouterr().err

    def test_the_key_file_is_stripped_and_checked(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text("pm_abc\n")
        assert cli._api_key(file) == "pm_abc"
        file.write_text("two words\n")
        with pytest.raises(uplink.ReplayError, match="does not hold an API key"):
            cli._api_key(file)

    def test_names_cannot_steer_the_terminal(self) -> None:
        assert report.printable("a\x1b[2Jb\n") == "a?[2Jb?"
