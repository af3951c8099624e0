#!/usr/bin/env python3
"""Draws, films and plays the demo's sample library, and writes manifest.json.

    pip install pillow numpy        # and ffmpeg with libx264, libvpx and libmp3lame
    python3 demo/media/generate.py

Everything is made from numbers here; nothing is taken from anywhere. The results are committed,
so nobody needs to run this to use the demo. The same seeds give the same pictures.
"""

import json
import math
import subprocess
import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).parent

# ---------------------------------------------------------------- pictures


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def gradient(width, height, *colours):
    """A vertical gradient through the colours, as floats of 0 to 255."""
    stops = np.linspace(0, 1, len(colours))
    at = np.linspace(0, 1, height)
    channels = [np.interp(at, stops, [rgb(c)[i] for c in colours]) for i in range(3)]
    column = np.stack(channels, axis=1)
    return np.repeat(column[:, None, :], width, axis=1)


def glow(image, x, y, radius, colour, strength=1.0):
    """Adds light around a point; x, y and radius are in parts of the height."""
    height, width, _ = image.shape
    yy, xx = np.mgrid[0:height, 0:width] / height
    light = np.exp(-(((xx - x) ** 2 + (yy - y) ** 2) / radius**2))[..., None] * strength
    image += light * (rgb(colour) - image).clip(min=0)


def disc(image, x, y, radius, colour):
    height, width, _ = image.shape
    yy, xx = np.mgrid[0:height, 0:width] / height
    edge = ((radius - np.hypot(xx - x, yy - y)) * height).clip(0, 1)[..., None]
    image += edge * (rgb(colour) - image)


def ridge(width, seed, roughness, drift=0.0):
    """A mountain line: sines of falling amplitude, between -1 and 1."""
    random = np.random.default_rng(seed)
    x = np.linspace(0, 4, width) + drift
    line = np.zeros(width)
    for octave in range(7):
        line += np.sin(x * 2**octave + random.uniform(0, 7)) * roughness**octave
    return line / (1 / (1 - roughness))


def hills(image, seed, base, height_of, colours, roughness=0.48, drift=0.0):
    """Ranges of hills from far to near, each in its colour with a touch of haze at its foot."""
    height, width, _ = image.shape
    yy = np.arange(height)[:, None] / height
    for layer, colour in enumerate(colours):
        near = layer / max(len(colours) - 1, 1)
        top = base + layer * (0.92 - base) / len(colours)
        line = top + ridge(width, seed + layer, roughness, drift * (0.3 + near)) * height_of
        mask = ((yy - line[None, :]) * height).clip(0, 1)[..., None]
        haze = ((yy - line[None, :]) * 1.6).clip(0, 0.35)[..., None]
        shade = rgb(colour) + haze * (image.mean(axis=(0, 1)) - rgb(colour))
        image += mask * (shade - image)


def stars(image, seed, count, lower=0.6):
    random = np.random.default_rng(seed)
    height, width, _ = image.shape
    for _ in range(count):
        x, y = random.integers(0, width), random.integers(0, int(height * lower))
        image[y, x] += random.uniform(40, 170)


def water(image, level, seed, phase=0.0):
    """Mirrors what is above `level` into waves below it."""
    height, width, _ = image.shape
    line = int(level * height)
    depth = np.arange(height - line)
    sway = np.sin(depth * 0.55 + phase + np.sin(depth * 0.13 + seed) * 2) * (1 + depth * 0.05)
    for row in depth:
        source = image[max(line - 1 - row, 0)]
        image[line + row] = np.roll(source, int(round(sway[row])), axis=0) * 0.78


def scene(kind, width, height, t=0.0):
    """One picture of a scene; t goes from 0 to 1 in a film."""
    aspect = width / height
    if kind == "sunrise":
        image = gradient(width, height, "#2b2f77", "#8c4a8c", "#f28a5b", "#ffd38a")
        y = 0.60 - 0.30 * t
        glow(image, aspect * 0.6, y, 0.55, "#ffe0a0", 0.9)
        disc(image, aspect * 0.6, y, 0.085, "#fff4d6")
        hills(image, 11, 0.58, 0.09, ["#8d4f72", "#5c3560", "#33224a", "#1a1330"], drift=t * 0.4)
    elif kind == "fjord":
        image = gradient(width, height, "#86b6d9", "#cfe3ec", "#f4ead9", "#f4ead9")
        hills(image, 23, 0.30, 0.13, ["#8fa9bd", "#5f8199", "#34566b"], 0.5, drift=t * 0.3)
        water(image, 0.62, 3, t * 25)
    elif kind == "aurora":
        image = gradient(width, height, "#050b24", "#0a1d3f", "#123452")
        stars(image, 5, 160)
        yy, xx = np.mgrid[0:height, 0:width] / height
        for band, colour in enumerate(("#3cf2a8", "#35c6f0", "#9b6bff")):
            foot = 0.34 + band * 0.06 + 0.10 * np.sin(xx * 2.3 + band * 1.9 + t * 5)
            above = (foot - yy).clip(0)
            curtain = np.where(yy < foot, np.exp(-above / 0.17), np.exp(-(((yy - foot) / 0.02) ** 2)))
            rays = 0.72 + 0.18 * np.sin(xx * 37 + band * 5 + t * 8) + 0.10 * np.sin(xx * 83 - t * 11)
            light = curtain * rays
            image += light[..., None] * rgb(colour) * 0.5
        hills(image, 31, 0.70, 0.08, ["#0c2233", "#061320"])
    elif kind == "dunes":
        image = gradient(width, height, "#6fb3d6", "#f6d9a8", "#f3b36b")
        glow(image, aspect * 0.25, 0.25, 0.4, "#fff6dd", 0.8)
        hills(image, 45, 0.48, 0.10, ["#e8a862", "#d48646", "#b26432", "#7f4324"], 0.32, t * 0.3)
    elif kind == "forest":
        image = gradient(width, height, "#dfe9e4", "#a9c4b6", "#6f9a86")
        hills(image, 57, 0.32, 0.10, ["#9cbcae", "#6d9a87", "#427362", "#214a3f", "#0f2b25"], 0.62)
    elif kind == "harbour":
        image = gradient(width, height, "#0d1238", "#3a2a6b", "#c1557d", "#f79a6b")
        random = np.random.default_rng(8)
        line, x = int(height * 0.64), 0
        while x < width:
            wide, tall = random.integers(14, 44) * width // 480, random.uniform(0.10, 0.36)
            top = line - int(tall * height)
            image[top:line, x : x + wide] = rgb("#15122f")
            for wy in range(top + 4, line - 4, max(height // 38, 4)):
                for wx in range(x + 3, min(x + wide, width) - 3, max(width // 80, 4)):
                    if random.uniform() < 0.42:
                        image[wy : wy + 2, wx : wx + 2] = rgb("#ffd38a")
            x += wide + random.integers(0, 6)
        water(image, 0.64, 2, t * 25)
    elif kind == "planet":
        image = gradient(width, height, "#070512", "#140a2e", "#2b1150")
        stars(image, 9, 260, 1.0)
        x, y, r = aspect * 0.56, 0.54, 0.30
        glow(image, x, y, 0.46, "#7d4bff", 0.55)
        yy, xx = np.mgrid[0:height, 0:width] / height
        inside = np.hypot(xx - x, yy - y) < r
        bands = 0.5 + 0.5 * np.sin((yy - y) * 44 + np.sin(xx * 9) * 1.2)
        light = (1 - (((xx - x + 0.12) ** 2 + (yy - y + 0.12) ** 2) / (r * 1.45) ** 2)).clip(0.05, 1)
        body = (rgb("#ff9f6e") * bands[..., None] + rgb("#b04a8f") * (1 - bands[..., None]))
        image[inside] = (body * light[..., None])[inside]
        tilt = (yy - y) + (xx - x) * 0.28
        ring = np.hypot((xx - x), tilt * 4.6)
        ringed = (ring > 0.38) & (ring < 0.55) & ~(inside & (tilt < 0))
        image[ringed] += rgb("#f3d9c9") * 0.55
    elif kind == "lagoon":
        image = gradient(width, height, "#f7c6a3", "#f7e0c4", "#9adbd0", "#1f9aa8", "#0b5f7a")
        yy, xx = np.mgrid[0:height, 0:width] / height
        for k in range(6):
            shore = 0.52 + k * 0.08 + 0.02 * np.sin(xx * (4 + k) + k * 2 + t * 6.3)
            foam = np.exp(-(((yy - shore) / 0.006) ** 2))[..., None]
            image += foam * (255 - image) * 0.55
        glow(image, aspect * 0.72, 0.2, 0.3, "#fffaf0", 0.9)
    elif kind == "bokeh":
        image = gradient(width, height, "#1b1035", "#4a1d52", "#a23b5b")
        random = np.random.default_rng(4)
        for _ in range(34):
            colour = random.choice(["#ffb56b", "#ff6f91", "#ffd9a0", "#8f7bff"])
            layer = image.copy()
            disc(layer, random.uniform(0, aspect), random.uniform(0, 1), random.uniform(0.03, 0.12), colour)
            image += (layer - image) * random.uniform(0.15, 0.5)
    elif kind == "peaks":
        image = gradient(width, height, "#f2b8a0", "#f6d5c3", "#cfd7e6")
        disc(image, aspect * 0.3, 0.28, 0.11, "#fdf3e7")
        hills(image, 71, 0.40, 0.15, ["#a9aecb", "#7880ab", "#4a5488", "#272e5c"], 0.56)
    else:
        raise ValueError(kind)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def cover(seed, *colours):
    """A record cover: rings, arcs and a disc."""
    size, scale = 540, 2
    random = np.random.default_rng(seed)
    image = Image.fromarray(gradient(960, size, *colours[:2]).astype(np.uint8))
    image = image.resize((960 * scale, size * scale))
    draw = ImageDraw.Draw(image)
    cx, cy = 960 * scale // 2, size * scale // 2
    for k in range(9, 0, -1):
        r = k * 27 * scale
        start = random.uniform(0, 360)
        colour = colours[2 + k % (len(colours) - 2)]
        draw.arc((cx - r, cy - r, cx + r, cy + r), start, start + random.uniform(90, 300), colour, 15 * scale)
    draw.ellipse((cx - 36, cy - 36, cx + 36, cy + 36), fill=colours[-1])
    return image.resize((960, size), Image.LANCZOS)


def save(image, name, size, limit):
    """Saves a WebP of at most `limit` bytes."""
    path = HERE / name
    image = image.convert("RGB").resize(size, Image.LANCZOS)
    for quality in range(82, 20, -6):
        image.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= limit:
            print(f"  {name}: {path.stat().st_size} bytes, quality {quality}")
            return
        image = image.filter(ImageFilter.GaussianBlur(0.25))
    raise SystemExit(f"{name} stays over {limit} bytes")


# ---------------------------------------------------------------- films


def film(kind, name, codec, seconds=8, fps=24, size=(640, 360)):
    """A moving scene with a clock and a bar, so that a jump to another second is seen."""
    width, height = size
    path = HERE / name
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", *codec]
    encoder = subprocess.Popen([*command, "-pix_fmt", "yuv420p", str(path)], stdin=subprocess.PIPE)
    big, small = ImageFont.load_default(52), ImageFont.load_default(18)
    frames = seconds * fps
    for frame in range(frames):
        t = frame / frames
        image = scene(kind, width, height, t)
        draw = ImageDraw.Draw(image, "RGBA")
        draw.rounded_rectangle((20, 20, 208, 88), 12, fill=(0, 0, 0, 110))
        draw.text((34, 24), f"{frame / fps:04.1f} s", font=big, fill="white")
        draw.text((width - 120, 28), f"frame {frame:03}", font=small, fill=(255, 255, 255, 210))
        draw.rectangle((0, height - 6, int(width * (frame + 1) / frames), height), fill="#ffd38a")
        angle = t * seconds * 2 * math.pi / 2
        x, y = width - 70 + 24 * math.sin(angle), 90 - 24 * math.cos(angle)
        draw.ellipse((width - 100, 60, width - 40, 120), outline="white", width=2)
        draw.line((width - 70, 90, x, y), fill="white", width=3)
        encoder.stdin.write(image.tobytes())
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit(f"ffmpeg failed on {name}")
    print(f"  {name}: {path.stat().st_size} bytes")


H264 = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "29", "-g", "48", "-movflags", "+faststart"]
VP9 = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "40", "-g", "48", "-row-mt", "1", "-deadline", "good"]

# ---------------------------------------------------------------- tunes


def tune(name, root, scale, tempo, seed, seconds=10):
    """Plucked arpeggios over a soft bass: a melody that a seed chooses from a scale."""
    rate = 32_000
    random = np.random.default_rng(seed)
    sound = np.zeros(rate * (seconds + 1))

    def note(start, semitone, length, volume, pluck):
        count = int(length * rate)
        at = np.arange(count) / rate
        frequency = root * 2 ** (semitone / 12)
        partials = sum(np.sin(2 * np.pi * frequency * k * at) / k**1.7 for k in range(1, 6))
        envelope = np.exp(-at * pluck) * np.minimum(at * 90, 1)
        begin = int(start * rate)
        part = sound[begin : begin + count]
        part += (partials * envelope * volume)[: len(part)]

    beat, degree, time = 60 / tempo, 0, 0.0
    chords = [0, 5, 3, 4]
    while time < seconds - 1:
        bar = int(time / (beat * 4))
        if abs(time / beat % 4) < 1e-6:
            note(time, scale[chords[bar % 4] % len(scale)] - 12, beat * 4, 0.30, 0.9)
        degree = int(np.clip(degree + random.integers(-2, 3), -3, 9))
        octave, step = divmod(degree, len(scale))
        note(time, scale[step] + 12 * octave, 1.2, 0.34, 3.4)
        time += beat / 2
    sound = np.tanh(sound[: rate * seconds]) * np.minimum(1, (seconds - np.arange(rate * seconds) / rate))
    raw = HERE / (name + ".wav")
    with wave.open(str(raw), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((sound * 27_000).astype("<i2").tobytes())
    path = HERE / name
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", raw, "-c:a", "libmp3lame", "-b:a", "40k", path], check=True
    )
    raw.unlink()
    print(f"  {name}: {path.stat().st_size} bytes")


MINOR, PENTATONIC, DORIAN = [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9], [0, 2, 3, 5, 7, 9, 10]

# ---------------------------------------------------------------- the library

# (category, id of the seed, what makes it). The ids are those of demo/origin/seed.sql.
LIBRARY = [
    ("videos", "v_sunrise_7f3a", ("film", "sunrise")),
    ("videos", "v_northern_c41d", ("film", "aurora")),
    ("videos", "v_fjord_92be", ("film", "fjord")),
    ("images", "i_dunes_5d0c", ("scene", "dunes")),
    ("images", "i_forest_e8a7", ("scene", "forest")),
    ("images", "i_harbour_31f9", ("scene", "harbour")),
    ("images", "i_planet_b6c2", ("scene", "planet")),
    ("images", "i_peaks_0a94", ("scene", "peaks")),
    ("music", "m_lanterns_4e1b", ("tune", 261.6, PENTATONIC, 100, 3, ("#1f1147", "#6a2c70", "#f08a5d", "#b83b5e", "#f9ed69"))),
    ("music", "m_tides_d75f", ("tune", 220.0, MINOR, 84, 12, ("#0b3954", "#087e8b", "#bfd7ea", "#ff5a5f", "#c81d25"))),
    ("music", "m_orbit_68ca", ("tune", 293.7, DORIAN, 120, 7, ("#10002b", "#3c096c", "#c77dff", "#5a189a", "#e0aaff"))),
    ("music", "m_embers_a203", ("tune", 196.0, PENTATONIC, 92, 21, ("#370617", "#6a040f", "#faa307", "#dc2f02", "#ffba08"))),
    ("videos", "v_lagoon_1c88", ("film", "lagoon")),
    ("images", "i_bokeh_f47e", ("scene", "bokeh")),
    ("images", "i_dawn_29d6", ("scene", "sunrise")),
    ("images", "i_bay_8b15", ("scene", "fjord")),
    ("music", "m_drift_77ab", ("tune", 246.9, DORIAN, 76, 33, ("#012a4a", "#014f86", "#a9d6e5", "#2a6f97", "#89c2d9"))),
]


def main():
    manifest = []

    def add(key, name, content_type):
        manifest.append({"key": key, "file": name, "contentType": content_type})

    for position, (category, identity, (maker, *how)) in enumerate(LIBRARY, 1):
        stem = identity[2:].rsplit("_", 1)[0]
        print(f"{position}/{len(LIBRARY)} {category}/{identity}")
        if maker == "film":
            codec, suffix, kind = (VP9, "webm", "video/webm") if how[0] == "lagoon" else (H264, "mp4", "video/mp4")
            film(how[0], f"{stem}.{suffix}", codec)
            add(f"media/{category}/{identity}", f"{stem}.{suffix}", kind)
            picture = scene(how[0], 960, 540, 0.35)
        elif maker == "tune":
            tune(f"{stem}.mp3", *how[:4])
            add(f"media/{category}/{identity}", f"{stem}.mp3", "audio/mpeg")
            picture = cover(how[3], *how[4])
        else:
            picture = scene(how[0], 1200, 675, 0.5)
            save(picture, f"{stem}.webp", (960, 540), 15_000)
            add(f"media/{category}/{identity}", f"{stem}.webp", "image/webp")
        save(picture, f"{stem}.thumb.webp", (480, 270), 10_000)
        add(f"thumbnails/{category}/{identity}", f"{stem}.thumb.webp", "image/webp")
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
