"""What is put into a file of a kind: what its readers look for, and what none of them likes."""

from __future__ import annotations

ANY = (
    b"\x00", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80",
    b"\n", b"\r", b"\r\n", b"\x1a", b"\x85", b"\xe2\x80\xa8", b" " * 300, b"a" * 3000, b"\xcc\x81" * 200, b"-1",
    b"4294967296", b"1e999", b"9" * 400, b"NaN", b"'", b'"', b"\\", b"%s%n", b"../", b"\x7f", b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80", b"\xef\xac\x81",
)  # fmt: skip
WORDS: dict[str, tuple[bytes, ...]] = {
    "json": (
        b"{", b"}", b"[", b"]", b"[" * 2000, b'{"a":' * 2000, b"[" * 90 + b"]" * 90, b",", b":", b"null", b"true",
        b"\\ud800", b'"\\u0000"', b'"text"', b'"id"', b'"body"', b'"input"', b'{"text": 1}', b'{"text": null}',
        b"\n{}\n", b'\n"x"\n', b"//", b'"custom_id": "c", "url": "/v1/probe", "body": ', b"-0", b"1E400",
        b"\xe2\x80\xa9",
    ),
    "csv": (
        b'"', b'""', b",", b"\t", b'"\n', b'","', b'a","\n', b"text", b",text,text", b"\n\n", b'"' * 501, b"=cmd()",
    ),
    "html": (
        b"<", b">", b"<p>", b"</p>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<script>", b"</script>", b"<body>",
        b"<?xml ?>", b"<a href='", b'<p a="', b"&#x110000;", b"&#xd800;", b"&#0;", b"&amp", b"&" * 50,
        b"<!DOCTYPE html [", b"<div>" * 500, b"<meta charset=utf-16>", b"<meta charset=utf-7>",
        b"<meta charset=idna>", b"<meta charset=unicode_escape>", b"<br/>", b"<meta charset=rot13>",
        b"<meta charset=punycode>", b"<!ENTITY a 'b'>", b"<textarea>", b"<plaintext>", b"<table><td>",
    ),
    "md": (
        b"# ", b"*", b"**", b"_", b"- ", b"[", b"](", b")", b"![", b"---\n", b"> ", b"1. ", b"`", b"*_" * 200,
        b"\n\n",
    ),
    "pdf": (
        b"obj", b"endobj", b"stream\n", b"endstream", b"<<", b">>", b"[", b"]", b"/Length -1", b"/Length 99999999",
        b"/Kids", b"1 0 R", b"/Count 999999", b"BT", b"ET", b"Tj", b"TJ", b"(", b")", b"xref", b"trailer",
        b"startxref", b"%%EOF", b"Tm", b"/Type /Page", b"/Filter /FlateDecode",
        b"/Filter [/ASCIIHexDecode /ASCIIHexDecode]", b"/Encrypt", b"0 0 0 0 0 0 Tm", b"1e30 Tz", b"-1 Tf",
        b"/Parent 1 0 R",
    ),
    "parquet": (
        b"PAR1", b"\x15\x00", b"\x15\x80\x80\x80\x80\x08", b"\x19\xfc", b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f",
    ),
    "xml": (
        b"<item", b"idref=", b'href="', b"../../etc/passwd", b"<!ENTITY", b"full-path=", b"<rootfile/>",
        b"<package>", b"%2e%2e/", b'encoding="utf-7"', b"media-type=", b"xmlns:a=", b"&#0;", b"</manifest>",
        b"properties='nav'",
    ),
    "text": (),
}  # fmt: skip
