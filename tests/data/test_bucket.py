"""Prepared data in a bucket of an S3-compatible server: brought there once, copied from there by its hash."""

import json

import boto3
import pytest

from data.bucket import at_hand, cache_folder, is_bucket, manifest_at, upload
from data.errors import DataError
from data.files import sealed
from data.manifest import MANIFEST, Manifest

FILE = "clips-00000.parquet"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def client(url):
    """The S3 client, the bucket's name and the key of a URL."""
    name, _, key = url.removeprefix("s3://").partition("/")
    return boto3.client("s3"), name, key


def replaced(url, name, change):
    """Put another object where ``name`` stands below the URL."""
    s3, place, key = client(f"{url}/{name}")
    content = s3.get_object(Bucket=place, Key=key)["Body"].read()
    s3.put_object(Bucket=place, Key=key, Body=change(content))


def test_fetched_data_is_what_was_uploaded(prepared, bucket):
    url = upload(prepared / "8px", f"{bucket}/kth")
    assert url == f"{bucket}/kth/8px" and manifest_at(url) == Manifest.read(prepared / "8px")
    home = at_hand(url)
    assert home == cache_folder() / Manifest.read(home).hash / "8px"
    Manifest.read(home).verify(home)
    assert (home / FILE).read_bytes() == (prepared / "8px" / FILE).read_bytes()


def test_a_machine_copies_the_clips_once(prepared, bucket):
    url = upload(prepared / "8px", bucket)
    home = at_hand(url)
    s3, name, key = client(f"{url}/{FILE}")
    s3.delete_object(Bucket=name, Key=key)
    assert at_hand(url) == home
    (home / FILE).write_bytes(b"cut short")
    with pytest.raises(DataError, match=f"is damaged, upload it to another URL: {FILE} is missing"):
        at_hand(url)
    assert upload(prepared / "8px", f"{bucket}/again") != url
    assert at_hand(f"{bucket}/again/8px") == home  # the same clips, in the same place, whole again
    assert (home / FILE).read_bytes() == (prepared / "8px" / FILE).read_bytes()


def test_a_flipped_byte_is_noticed_and_nothing_is_kept(prepared, bucket):
    url = upload(prepared / "8px", bucket)
    replaced(url, FILE, lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=f"the SHA-256 of {FILE} has changed"):
        at_hand(url)
    assert not list(cache_folder().rglob("*.parquet"))


def with_another_hash(content):
    facts = json.loads(content)
    del facts["crc32"]
    return json.dumps(sealed(facts | {"hash": "other"})).encode()


def test_other_clips_are_not_written_over(prepared, bucket):
    url = upload(prepared / "8px", bucket)
    assert upload(prepared / "8px", bucket) == url
    replaced(url, MANIFEST, with_another_hash)
    with pytest.raises(DataError, match="holds other clips"):
        upload(prepared / "8px", bucket)


def test_no_address_leads_out_of_the_cache(prepared, bucket):
    upload(prepared / "8px", bucket)
    with pytest.raises(DataError, match="must be at a URL that ends with the name of its folder|has no manifest.json"):
        at_hand(f"{bucket}/8px/..")


def test_what_is_no_data_is_named(bucket):
    with pytest.raises(DataError, match="has no manifest.json: bring the data there with python data/upload.py"):
        at_hand(f"{bucket}/kth/8px")
    with pytest.raises(DataError, match=r"must be in a folder or at a URL that begins with s3://"):
        is_bucket("http://somewhere/kth")


@pytest.mark.parametrize("home", ["/dev/null/home", None])
def test_a_cache_that_cannot_be_made_is_refused_in_one_line(home, monkeypatch):
    def without_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is None:
        monkeypatch.setattr("pathlib.Path.home", without_home)
    else:
        monkeypatch.setenv("HOME", home)
    with pytest.raises(DataError, match="~/.cache, which cannot be made: set XDG_CACHE_HOME"):
        cache_folder()
