"""The ramp's videos among those of Physics 101: in its archive, or in folders."""

import zipfile

import pytest

from data.errors import DataError
from data.physics101 import source
from data.physics101.prepare import prepare


def test_the_archive_gives_the_ramps_videos_at_20_degrees_alone(ramp_videos, ramp, names, tmp_path):
    archive, video = tmp_path / "phys101.zip", (ramp_videos / "ramp" / names[0] / source.CAMERA).read_bytes()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in (
            "phys101/scenarios/ramp/foam_01/20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/foam_01/10_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/fall/foam_01/20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/../20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/foam_01/20_01/01/audio.wav",
        ):
            zipped.writestr(name, video)
    source.extract(archive, tmp_path / "raw")
    found = source.from_folder(tmp_path / "raw")
    assert list(found.videos) == ["foam_01/20_01/01"] and found.dataset == "physics101"
    assert [path.name for path in (tmp_path / "raw").rglob("*.mp4")] == ["Kinect_RGB_1.mp4"]
    manifest = prepare(tmp_path / "out", ramp, tmp_path / "raw")
    assert manifest.partial and manifest.missing == ("389 of 390 videos",)
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match="is damaged"):
        source.extract(archive, tmp_path / "raw")
