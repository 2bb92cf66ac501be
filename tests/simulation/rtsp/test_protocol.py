"""Requests, right and wrong, are answered as RFC 2326 says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulation.rtsp import Authorisation, RtspCamera, RtspServer
from simulation.rtsp.requests import TransportOffer
from tests.support.rtsp_client import RtpPacket, RtspClient, depacketise

TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


@pytest.fixture
async def server(clip: Path) -> AsyncIterator[RtspServer]:
    async with RtspServer([RtspCamera("c01", clip), RtspCamera("c02", clip)]) as running:
        yield running


async def test_describe_says_what_there_is_to_see(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        options = await client.request("OPTIONS")
        assert {"DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN"} <= set(options.headers["public"].split(", "))
        described = await client.request("DESCRIBE", Accept="application/sdp")
    assert (described.status, described.headers["content-type"]) == (200, "application/sdp")
    assert "a=rtpmap:96 H264/90000\r\n" in described.body
    assert "a=framerate:20\r\n" in described.body
    sprop = described.body.split("sprop-parameter-sets=")[1].split("\r\n")[0]
    sps, pps = (base64.b64decode(part) for part in sprop.split(","))
    assert (sps[0] & 31, pps[0] & 31) == (7, 8)
    assert f"profile-level-id={sps[1:4].hex()};" in described.body


async def test_what_is_not_there_is_not_found(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        for path in ("c09", "", "c01/trackID=1", "c01/x/y"):
            url = f"rtsp://127.0.0.1:{server.port}/{path}"
            assert (await client.request("DESCRIBE", url)).status == 404, path
            assert (await client.request("SETUP", url, Transport=TCP)).status == 404, path
        assert (await client.request("DESCRIBE")).status == 200


async def test_transports_that_are_not_had_are_refused(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        for transport in (
            "RTP/AVP;multicast",
            "RTP/SAVP;unicast;client_port=5000-5001",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=x-y",
            "RTP/AVP;unicast;client_port=70000-70001",
            "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
            "",
        ):
            assert (await client.request("SETUP", Transport=transport)).status == 461, transport
        second_choice = await client.request("SETUP", Transport="RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=4-5")
        assert second_choice.status == 200
        assert "interleaved=4-5" in second_choice.headers["transport"]


@pytest.mark.parametrize(
    ("header", "offer"),
    [
        ("RTP/AVP/TCP", TransportOffer(True, (0, 1))),
        ("RTP/AVP/TCP;interleaved=6", TransportOffer(True, (6, 7))),
        ("RTP/AVP/UDP;unicast;client_port=5000", TransportOffer(False, (5000, 5001))),
        ("rtp/avp;unicast;client_port=9-11;mode=play", TransportOffer(False, (9, 11))),
    ],
)
def test_transports_that_are_had(header: str, offer: TransportOffer) -> None:
    assert TransportOffer.parse(header) == offer


async def test_sessions_are_needed_and_checked(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        for method in ("PLAY", "PAUSE", "TEARDOWN"):
            assert (await client.request(method)).status == 454
            assert (await client.request(method, Session="nonsense")).status == 454
        session = (await client.request("SETUP", Transport=TCP)).headers["session"]
        assert session.endswith(";timeout=60")
        session = session.split(";")[0]
        assert (await client.request("PLAY")).status == 454
        assert (await client.request("PLAY", Session=session + "0")).status == 454
        assert (await client.request("SETUP", Session=session + "0", Transport=TCP)).status == 454
        assert (await client.request("GET_PARAMETER", Session=session + "0")).status == 454
        assert (await client.request("PLAY", server.url("c02"), Session=session)).status == 404
        assert (await client.request("PLAY", Session=session)).status == 200


async def test_methods_that_do_not_suit_the_state_or_do_not_exist(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        for method in ("RECORD", "ANNOUNCE", "DANCE"):
            assert (await client.request(method)).status == 501
        setup = await client.request("SETUP", Transport=TCP)
        session = setup.headers["session"].split(";")[0]
        assert (await client.request("PAUSE", Session=session)).status == 455
        assert (await client.request("PLAY", Session=session)).status == 200
        busy = await client.request("SETUP", Session=session, Transport=TCP)
        assert busy.status == 455
        assert "PAUSE" in busy.headers["allow"]
        assert (await client.request("OPTIONS", Require="funky-feature")).headers["unsupported"] == "funky-feature"


async def test_nonsense_ends_the_connection(server: RtspServer) -> None:
    for nonsense in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe x RTSP/1.0\r\n\r\n", b"x" * 200_000):
        async with RtspClient(server.url("c01")) as client:
            client.writer.write(nonsense)
            assert (await client.answer()).status == 400
            assert await client.is_cut_off()
    async with RtspClient(server.url("c01")) as client:
        client.writer.write(b"OPTIONS * RTSP/2.0\r\nCSeq: 7\r\n\r\n")
        assert (await client.answer()).status == 505


async def test_play_starts_with_a_report_and_a_keyframe_and_pause_ends_it(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        session = await client.play()
        channel, report = await client.packet()
        assert (channel, report[1]) == (1, 200)
        packets: list[RtpPacket] = []
        while not packets or not packets[-1].marker:
            channel, packet = await client.packet()
            assert channel == 0
            packets.append(RtpPacket.parse(packet))
        nals = depacketise(packets)
        assert [nal[0] & 31 for nal in nals[:2]] == [7, 8]
        assert nals[-1][0] & 31 == 5
        assert list(nals) == list(next(unit.nals for unit in server.camera("c01").footage.units if unit.nals == tuple(nals)))
        assert server.camera("c01").viewers == 1

        assert (await client.request("PAUSE", Session=session)).status == 200
        assert server.camera("c01").viewers == 0
        assert (await client.request("PLAY", Session=session)).status == 200
        assert server.camera("c01").viewers == 1
        assert (await client.request("GET_PARAMETER", Session=session)).status == 200
        assert (await client.request("TEARDOWN", Session=session)).status == 200
        assert server.camera("c01").viewers == 0


async def test_udp_ports_are_an_even_one_and_the_next(server: RtspServer) -> None:
    async with RtspClient(server.url("c01")) as client:
        setup = await client.request("SETUP", Transport="RTP/AVP;unicast;client_port=40000-40001")
        ports = setup.headers["transport"].split("server_port=")[1].split(";")[0]
        rtp, rtcp = (int(port) for port in ports.split("-"))
        assert rtp % 2 == 0
        assert rtcp == rtp + 1


async def test_digest_authorisation_lets_in_who_knows_the_password(clip: Path) -> None:
    def digest(method: str, url: str, password: str, nonce: str) -> str:
        first = hashlib.md5(f"ann:camera:{password}".encode(), usedforsecurity=False).hexdigest()
        second = hashlib.md5(f"{method}:{url}".encode(), usedforsecurity=False).hexdigest()
        response = hashlib.md5(f"{first}:{nonce}:{second}".encode(), usedforsecurity=False).hexdigest()
        return f'Digest username="ann", realm="camera", nonce="{nonce}", uri="{url}", response="{response}"'

    async with (
        RtspServer([RtspCamera("c01", clip)], authorisation=Authorisation("ann", "secret")) as server,
        RtspClient(server.url("c01")) as client,
    ):
        assert (await client.request("OPTIONS")).status == 200
        refused = await client.request("DESCRIBE")
        assert refused.status == 401
        nonce = refused.headers["www-authenticate"].split('nonce="')[1].split('"')[0]
        for given, status in (
            (digest("DESCRIBE", client.url, "secret", nonce), 200),
            (digest("DESCRIBE", client.url, "wrong", nonce), 401),
            (digest("SETUP", client.url, "secret", nonce), 401),
            ("Digest nonsense", 401),
            ("Basic " + base64.b64encode(b"ann:secret").decode(), 401),
        ):
            assert (await client.request("DESCRIBE", Authorization=given)).status == status, given


async def test_basic_authorisation(clip: Path) -> None:
    async with (
        RtspServer([RtspCamera("c01", clip)], authorisation=Authorisation("ann", "secret", "basic")) as server,
        RtspClient(server.url("c01")) as client,
    ):
        assert (await client.request("DESCRIBE")).headers["www-authenticate"].startswith("Basic ")
        for pair, status in ((b"ann:secret", 200), (b"ann:wrong", 401)):
            given = "Basic " + base64.b64encode(pair).decode()
            assert (await client.request("DESCRIBE", Authorization=given)).status == status


async def test_a_silent_client_is_given_up_and_a_talking_one_is_not(clip: Path) -> None:
    async with (
        RtspServer([RtspCamera("c01", clip)], session_timeout=1.0) as server,
        RtspClient(server.url("c01")) as silent,
        RtspClient(server.url("c01")) as talking,
    ):
        await silent.play()
        await talking.play()
        receiver_report = b"$\x01" + struct.pack(">HBBHI", 8, 0x80, 201, 1, 7)
        async with asyncio.timeout(30):
            while server.camera("c01").viewers == 2:
                talking.writer.write(receiver_report)
                await talking.packet()
        assert await silent.is_cut_off()
        talking.packets.clear()
        await talking.packet()
