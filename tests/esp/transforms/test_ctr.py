"""Counter mode against the vectors of RFC 3686."""

from __future__ import annotations

import json
from pathlib import Path

from ikevpn.esp.transforms.ctr import CounterMode


def test_known_answers(corpus: Path) -> None:
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    ours = [vector for vector in vectors if vector["alg"] == "ENCR_AES_CTR"]
    for vector in ours:
        key, iv, plain, cipher = (bytes.fromhex(vector[name]) for name in ("key", "iv", "plain", "cipher"))
        mode = CounterMode(key[:-4], key[-4:])
        assert mode.encrypt([int.from_bytes(iv, "big")], [plain], [b""]) == [iv + cipher]
        assert mode.decrypt([memoryview(iv + cipher)]) == [plain]
    assert len(ours) >= 6
