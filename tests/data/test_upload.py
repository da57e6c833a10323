"""The command that brings prepared data to a bucket."""

from data.terminal import answer
from data.upload import UploadConfig, main


def test_the_command_says_how_searches_take_it(prepared, bucket, capsys):
    assert answer(main, UploadConfig(prepared / "8px", bucket)) == 0
    assert f"{bucket}/8px holds the data: searches take it with --data {bucket}" in capsys.readouterr().err


def test_what_is_no_bucket_or_no_prepared_folder_is_refused(bucket, tmp_path, capsys):
    assert (
        answer(main, UploadConfig(tmp_path, str(tmp_path))) == 2 and answer(main, UploadConfig(tmp_path, bucket)) == 2
    )
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: --to must be the URL of a bucket") and "has no manifest.json" in second
