"""Writes with Python's tarfile, in the format given, an archive of whatever the format can say, to standard output."""
import io
import sys
import tarfile

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
chosen = sys.argv[1]
rich = chosen != "ustar"


def entries():
    yield dict(name="dir", type=tarfile.DIRTYPE, mode=0o751)
    yield dict(name="dir/file", mode=0o4644, uid=1000, gid=100, uname="user", gname="group", mtime=1700000000), b"x" * 700
    yield dict(name="p" * 90 + "/" + "f" * 90), b"long"
    yield dict(name="link", type=tarfile.LNKTYPE, linkname="dir/file")
    yield dict(name="symlink", type=tarfile.SYMTYPE, linkname="t" * 100, mode=0o777)
    yield dict(name="null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
    yield dict(name="disk", type=tarfile.BLKTYPE, devmajor=2097151, devminor=2097151)
    yield dict(name="fifo", type=tarfile.FIFOTYPE)
    yield dict(name="contiguous", type=tarfile.CONTTYPE), b"content"
    yield dict(name="latin \udce9"), b""
    yield dict(name="ids", uid=2097151, gid=2097151)
    if rich:
        yield dict(name="n" * 300), b"longer"
        yield dict(name="p" * 200 + "/dir", type=tarfile.DIRTYPE)
        yield dict(name="long symlink", type=tarfile.SYMTYPE, linkname="t" * 300)
        yield dict(name="both" * 100, type=tarfile.SYMTYPE, linkname="caf\u00e9" * 100)
        yield dict(name="caf\u00e9 \u65e5\u672c \U0001f600"), b"text"
        yield dict(name="big ids", uid=2**31, gid=2**32 - 2)
        yield dict(name="before", mtime=-5)
        yield dict(name="much later", mtime=8**11)
    if chosen == "pax":
        yield dict(name="fraction", mtime=1.5)
        yield dict(name="fraction before", mtime=-1.5)
        yield dict(name="records", pax_headers={"VENDOR.key": "value \u00e9", "comment": "c", "SCHILY.xattr.user.a": "1\n2="}), b"x"
        yield dict(name="names", uname="\u00fcser", gname="g" * 40)


options = {"pax_headers": {"comment": "of the archive"}} if chosen == "pax" else {}
with tarfile.open(
    fileobj=sys.stdout.buffer, mode="w|", format=FORMATS[chosen], encoding="utf-8", errors="surrogateescape", **options
) as archive:
    for entry in entries():
        fields, content = entry if isinstance(entry, tuple) else (entry, b"")
        member = tarfile.TarInfo(fields["name"])
        for key, value in fields.items():
            setattr(member, key, value)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
