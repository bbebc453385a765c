# SPDX-License-Identifier: MIT
"""read_events.py -- an events file against the metrics.jsonl that it was made of.

usage: read_events.py EVENTS METRICS.jsonl SUMMARY.json

Python alone reads it, by the formats' descriptions; where there is tensorboard, its own reader must find the same.
"""
import json
import os
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(raw):
    while raw:
        length, check = struct.unpack("<QI", raw[:12])
        data, rest = raw[12 : 12 + length], raw[12 + length :]
        assert check == masked(raw[:8]), "the length's checksum"
        assert struct.unpack("<I", rest[:4])[0] == masked(data), "the data's checksum"
        yield data
        raw = rest[4:]


def fields(data):
    """A protobuf message: number to value."""
    def varint():
        nonlocal at
        x = shift = 0
        while True:
            byte = data[at]
            at += 1
            x |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return x
    at, found = 0, {}
    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            found[number] = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            found[number] = data[at : at + size]
            at += size
    return found


assert crc32c(b"123456789") == 0xE3069283                  # RFC 3720's check
wanted = {}
for line in open(sys.argv[2]):
    epoch = json.loads(line)
    for name, x in epoch.items():
        if name != "epoch" and x is not None:
            wanted[name, epoch["epoch"]] = x
summary = json.load(open(sys.argv[3]))
wanted["linear", summary["final"]["epoch"]] = summary["linear"]

first, *events = [fields(data) for data in records(open(sys.argv[1], "rb").read())]
assert first[3] == b"brain.Event:2" and 5 not in first
seen, clock = {}, struct.unpack("<d", first[1])[0]
assert clock > 1.7e9, "it was not started in our time"
for event in events:
    (when,) = struct.unpack("<d", event[1])
    assert when >= clock, "time goes backwards"
    clock = when
    value = fields(fields(event[5])[1])
    seen[value[1].decode(), event.get(2, 0)] = struct.unpack("<f", value[2])[0]
as_float = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
plain = {(tag.split("/")[1], step): x for (tag, step), x in seen.items()}
assert len(plain) == len(seen) == len(events), "a number that stands twice"
assert plain == {key: as_float(x) for key, x in wanted.items()}, "other numbers"
print(len(seen), "numbers, as metrics.jsonl has them")

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(os.path.dirname(sys.argv[1]) or ".", size_guidance={"scalars": 0})
    reader.Reload()
    own = {(tag, e.step): e.value for tag in reader.Tags()["scalars"] for e in reader.Scalars(tag)}
    assert own == seen, "tensorboard reads others"
    print("tensorboard reads the same")
except ImportError as error:
    print(error)
