import { useEffect, useState, type KeyboardEvent } from "react";
import { paths } from "../api";
import { fetchLogged } from "../cache";
import { bytes, clock, day } from "../format";
import { useResource } from "../hooks";
import { usePicture } from "../pictures";
import type { Answer } from "../tiers";
import type { MediaFile } from "../types";
import { Dialog } from "./Dialog";
import type { FileActions, Opened } from "./Shell";
import { MediaPlayer } from "./MediaPlayer";
import { Stars } from "./Stars";
import { TierBadge } from "./TierBadge";
import { CloseIcon, NextIcon, PencilIcon, PreviousIcon, TrashIcon } from "./icons";

interface PlayerDialogProps {
  opened: Opened;
  actions: FileActions;
  onClose: () => void;
}

/** Plays or shows one file, with everything known about it. */
export function PlayerDialog({ opened: { file, among }, actions, onClose }: PlayerDialogProps) {
  const { reading } = useResource("file-info", { category: file.category, fileId: file.id }, file.name);
  // The list's copy shows at once, and still does where the details may not be read (somebody else's file).
  const info: MediaFile = { ...file, ...reading?.data };
  const at = among.findIndex(({ id }) => id === file.id);
  const step = (by: number): void => {
    const next = among[at + by];
    if (next) actions.open({ file: next, among });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "PageDown" || (event.key === "ArrowRight" && file.category === "images" && !isInput(event.target))) step(1);
    else if (event.key === "PageUp" || (event.key === "ArrowLeft" && file.category === "images" && !isInput(event.target))) step(-1);
    else return;
    event.preventDefault();
  };
  const facts = [
    info.type,
    info.size ? bytes(info.size) : null,
    info.width && info.height ? `${info.width} × ${info.height}` : null,
    info.duration ? clock(info.duration) : null,
    day(info.created_at) && `added ${day(info.created_at)}`,
  ];
  return (
    <Dialog label={info.name} className={`player-dialog of-${file.category}`} onClose={onClose} onKeyDown={onKeyDown}>
      <div className="stage">
        {file.category === "images" ? <ImageStage file={file} /> : <MediaStage file={info} />}
        <button type="button" className="button icon stage-close" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
        {at > 0 && (
          <button type="button" className="button icon stage-previous" aria-label="Previous" onClick={() => step(-1)}>
            <PreviousIcon />
          </button>
        )}
        {at >= 0 && at < among.length - 1 && (
          <button type="button" className="button icon stage-next" aria-label="Next" onClick={() => step(1)}>
            <NextIcon />
          </button>
        )}
      </div>
      <div className="about">
        <div className="about-title">
          <h2>{info.name}</h2>
          <button type="button" className="button icon" aria-label="Rename" title="Rename" onClick={() => actions.rename(info)}>
            <PencilIcon size={17} />
          </button>
          <button type="button" className="button icon" aria-label="Delete" title="Delete" onClick={() => actions.remove(info)}>
            <TrashIcon size={17} />
          </button>
        </div>
        <p className="facts">
          <span className="muted">{facts.filter(Boolean).join(" · ")}</span> <TierBadge answer={reading?.answer} />
        </p>
        {info.description && <p>{info.description}</p>}
        <Stars id={file.id} name={file.name} />
      </div>
    </Dialog>
  );
}

function isInput(target: EventTarget): boolean {
  return target instanceof HTMLInputElement;
}

function ImageStage({ file }: { file: MediaFile }) {
  const { picture, failed } = usePicture("media", file.name, paths.media(file.category, file.id));
  if (failed) return <p className="stage-note">This image is not on this device yet.</p>;
  return (
    <>
      {picture ? <img className="full-image" src={picture.url} alt={file.name} /> : <div className="spinner" role="status" aria-label="Loading" />}
      <div className="stage-tier">
        <TierBadge answer={picture?.answer} />
      </div>
    </>
  );
}

/**
 * A `<video>` shows no headers of what it loads. So the page asks for the first two bytes itself, just before, and reads
 * who answers; Safari's player starts with the same question.
 */
function MediaStage({ file }: { file: MediaFile }) {
  const source = paths.media(file.category, file.id);
  const [probe, setProbe] = useState<{ answer: Answer | null } | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    fetchLogged("media", `${file.name}, first bytes`, source, { headers: { Range: "bytes=0-1" }, signal: stop.signal })
      .then(
        ({ response, answer }) => {
          void response.body?.cancel();
          return answer;
        },
        // The player says in its own words why it cannot play.
        () => null,
      )
      .then((answer) => !stop.signal.aborted && setProbe({ answer }));
    return () => stop.abort();
    // The name only labels the entry in the log.
  }, [source]);
  return (
    <>
      {probe ? <MediaPlayer file={file} source={source} /> : <div className="spinner" role="status" aria-label="Loading" />}
      <div className="stage-tier">
        <TierBadge answer={probe?.answer} />
      </div>
    </>
  );
}
