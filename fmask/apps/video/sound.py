"""Copy the sound of a video into another video."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from fmask.apps.video.reading import starts_at


class Sound:
    """All sound tracks of a file, copied packet by packet, in step with the frames.

    The file is opened a second time, so that reading frames does not depend on reading sound.
    """

    def __init__(self, path: Path, into: OutputContainer) -> None:
        """Add the tracks of `path` to `into`. Nothing may have been written to `into` yet."""
        self._source = av.open(str(path))
        self._into = into
        self._start = starts_at(self._source)
        codecs = {track: track.codec_context.codec.canonical_name for track in self._source.streams.audio}
        left_out = {name for name in codecs.values() if name not in into.supported_codecs}
        self.left_out: str | None = " and ".join(sorted(left_out)) or None
        """Codecs that the format of the output does not support; their tracks are left out."""
        self._tracks = {
            track: into.add_stream_from_template(track) for track, name in codecs.items() if name not in left_out
        }
        self._packets = self._read()
        self._next = next(self._packets, None)

    def copy_until(self, time: Fraction) -> None:
        """Write the packets up to `time`, in seconds since the start."""
        while self._next is not None and self._time(self._next) <= time:
            packet, track = self._next, self._next.stream
            assert isinstance(track, AudioStream)
            shift = round(self._start / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = self._tracks[track]
            self._into.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source of the sound."""
        self._source.close()

    def _read(self) -> Iterator[Packet]:
        if self._tracks:
            # The last packet of each track is empty; it only flushes the decoder.
            yield from (packet for packet in self._source.demux(*self._tracks) if packet.dts is not None)

    def _time(self, packet: Packet) -> Fraction:
        assert packet.dts is not None
        return packet.dts * packet.time_base - self._start
