import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from "react";
import { clock } from "../format";
import { usePicture } from "../pictures";
import { paths } from "../api";
import { useProgress, worthResuming } from "../progress";
import type { MediaFile } from "../types";
import { FullscreenIcon, MusicIcon, MutedIcon, PauseIcon, PlayIcon, SoundIcon } from "./icons";

const SKIP_S = 5;

interface Playback {
  readonly playing: boolean;
  readonly at: number;
  readonly duration: number;
  /** End of what is loaded around the place, seconds. */
  readonly loaded: number;
  readonly muted: boolean;
  readonly waiting: boolean;
  readonly failed: boolean;
}

const AT_REST: Playback = { playing: false, at: 0, duration: 0, loaded: 0, muted: false, waiting: true, failed: false };

function loadedUpTo({ buffered, currentTime }: HTMLMediaElement): number {
  for (let i = 0; i < buffered.length; i += 1) {
    if (buffered.start(i) <= currentTime && currentTime <= buffered.end(i)) return buffered.end(i);
  }
  return 0;
}

const EVENTS = ["play", "pause", "timeupdate", "durationchange", "progress", "volumechange", "seeking", "seeked", "waiting", "playing", "canplay", "ended", "error"] as const;

/** Plays a video or music with its own controls; Space, K, M, F and the arrow keys work anywhere in it. */
export function MediaPlayer({ file, source }: { file: MediaFile; source: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const media = useRef<HTMLVideoElement>(null);
  const stored = useProgress(file.id, file.name, media);
  const [playback, setPlayback] = useState(AT_REST);
  const [resumed, setResumed] = useState<number | null>(null);
  const cover = usePicture("thumbnail", file.name, paths.thumbnail(file.category, file.id)).picture;
  const sound = file.category === "music";

  useEffect(() => {
    const element = media.current;
    if (element === null) return;
    const stop = new AbortController();
    const follow = (): void =>
      setPlayback({
        playing: !element.paused && !element.ended,
        at: element.currentTime,
        duration: Number.isFinite(element.duration) ? element.duration : 0,
        loaded: loadedUpTo(element),
        muted: element.muted,
        waiting: element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !element.ended,
        failed: element.error !== null,
      });
    for (const event of EVENTS) element.addEventListener(event, follow, { signal: stop.signal });
    // Taken out at once: a paused element would go on loading a file nobody sees.
    return () => {
      stop.abort();
      element.removeAttribute("src");
      element.load();
    };
  }, []);

  // Once, when both the place and the length are known; what is saved later must not move the player.
  const started = useRef(false);
  const ready = stored !== null && playback.duration > 0;
  useEffect(() => {
    const element = media.current;
    if (!ready || element === null || started.current) return;
    started.current = true;
    if (worthResuming(stored, element.duration)) {
      element.currentTime = stored;
      setResumed(stored);
    }
    // The browser may want a click first; then the button is there.
    element.play().catch(() => {});
  }, [ready, stored]);

  const toggle = useCallback((): void => {
    const element = media.current;
    if (element?.paused) element.play().catch(() => {});
    else element?.pause();
  }, []);
  const seek = (to: number): void => {
    const element = media.current;
    if (element === null) return;
    element.currentTime = Math.max(0, Math.min(to, playback.duration));
    setResumed(null);
  };
  const mute = (): void => {
    if (media.current) media.current.muted = !media.current.muted;
  };
  const fullscreen = (): void => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void frame.current?.requestFullscreen();
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const onButton = event.target instanceof HTMLButtonElement;
    if (event.key === "ArrowRight") seek(playback.at + SKIP_S);
    else if (event.key === "ArrowLeft") seek(playback.at - SKIP_S);
    else if (event.key === "k" || (event.key === " " && !onButton)) toggle();
    else if (event.key === "m") mute();
    else if (event.key === "f" && !sound) fullscreen();
    else return;
    event.preventDefault();
  };

  const part = (seconds: number): string => `${playback.duration > 0 ? (seconds / playback.duration) * 100 : 0}%`;
  return (
    <div ref={frame} className={`media ${sound ? "sound" : "film"} ${playback.playing ? "playing" : "paused"}`} onKeyDown={onKeyDown}>
      {sound && (
        <div className="cover">
          {cover && <img className="cover-glow" src={cover.url} alt="" />}
          {cover ? <img className="cover-art" src={cover.url} alt="" /> : <span className="cover-art"><MusicIcon size={72} /></span>}
        </div>
      )}
      {/* Also for music: one element, one set of events. The Service Worker answers its ranges. */}
      <video ref={media} src={source} poster={sound ? undefined : cover?.url} playsInline preload="auto" hidden={sound} onClick={toggle} />
      {playback.failed && <p className="stage-note">This file cannot be played: it is not on this device, or the browser does not know its format.</p>}
      {playback.waiting && !playback.failed && <div className="spinner" role="status" aria-label="Loading" />}
      {resumed !== null && (
        <p className="resumed" role="status">
          Resumed at {clock(resumed)}
          <button type="button" className="link" onClick={() => seek(0)}>
            Start over
          </button>
        </p>
      )}
      <div className="controls">
        <button type="button" className="button icon" aria-label={playback.playing ? "Pause" : "Play"} onClick={toggle} autoFocus>
          {playback.playing ? <PauseIcon size={22} /> : <PlayIcon size={22} />}
        </button>
        <span className="clock">{clock(playback.at)}</span>
        <input
          type="range"
          className="seek"
          aria-label="Position"
          aria-valuetext={`${clock(playback.at)} of ${clock(playback.duration)}`}
          min={0}
          max={playback.duration || 1}
          step={0.1}
          value={playback.at}
          style={{ "--at": part(playback.at), "--loaded": part(playback.loaded) } as React.CSSProperties}
          onChange={(event) => seek(event.target.valueAsNumber)}
        />
        <span className="clock">{clock(playback.duration || (file.duration ?? 0))}</span>
        <button type="button" className="button icon" aria-label={playback.muted ? "Sound on" : "Mute"} aria-pressed={playback.muted} onClick={mute}>
          {playback.muted ? <MutedIcon /> : <SoundIcon />}
        </button>
        {!sound && (
          <button type="button" className="button icon" aria-label="Full screen" onClick={fullscreen}>
            <FullscreenIcon />
          </button>
        )}
      </div>
    </div>
  );
}
