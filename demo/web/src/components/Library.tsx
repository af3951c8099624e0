import { useId, useRef } from "react";
import { bytes, clock } from "../format";
import { useResource, useSeen } from "../hooks";
import { useSignedIn } from "../session";
import { CATEGORY_NAMES, type Category, type MediaFile } from "../types";
import type { FileActions } from "./Shell";
import { Average } from "./Stars";
import { Thumb } from "./Thumb";
import { TierBadge } from "./TierBadge";
import { PencilIcon, PlayIcon, TrashIcon } from "./icons";

/** The grid of the user's files. */
export function Library({ category, actions }: { category: Category | null; actions: FileActions }) {
  const { user } = useSignedIn();
  const { reading, error } = useResource(
    "user-files",
    { userId: user.id, category: category ?? undefined },
    category ?? "all",
  );
  const files = reading?.data.files;
  return (
    <section id="library" tabIndex={-1} aria-labelledby="library-title" aria-busy={!reading && !error}>
      <header className="section-title">
        <h2 id="library-title">{category === null ? "Your library" : CATEGORY_NAMES[category]}</h2>
        <TierBadge answer={reading?.answer} />
      </header>
      {reading?.warning && <p className="warning">{reading.warning}</p>}
      {!files && !error && <Skeleton />}
      {!files && error && <p className="empty">This list is not on this device yet. It appears when you are back online.</p>}
      {files?.length === 0 && <p className="empty">Nothing here yet. Drop a file anywhere on this page to add it.</p>}
      {files && files.length > 0 && (
        <ul className="grid">
          {files.map((file) => (
            <Card key={file.id} file={file} onOpen={() => actions.open({ file, among: files })} actions={actions} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Skeleton() {
  return (
    <ul className="grid skeleton" aria-hidden="true">
      {Array.from({ length: 8 }, (_, i) => (
        <li key={i} className="card">
          <span className="thumb" />
        </li>
      ))}
    </ul>
  );
}

function Card({ file, onOpen, actions }: { file: MediaFile; onOpen: () => void; actions: FileActions }) {
  const ref = useRef<HTMLLIElement>(null);
  const seen = useSeen(ref);
  const playable = file.category !== "images";
  const [badge, progress] = [useId(), useId()];
  return (
    <li ref={ref} className={`card of-${file.category}`}>
      <button
        type="button"
        className="card-open"
        onClick={onOpen}
        aria-label={`${playable ? "Play" : "View"} ${file.name}`}
        aria-describedby={`${badge} ${progress}`}
      >
        <Thumb file={file} wanted={seen}>
          {(answer) => (
            <>
              <TierBadge id={badge} answer={answer} />
              {playable && (
                <span className="play-mark" aria-hidden="true">
                  <PlayIcon size={22} />
                </span>
              )}
              {playable && file.duration ? <span className="length">{clock(file.duration)}</span> : null}
            </>
          )}
        </Thumb>
        {playable && seen && <Progress id={progress} file={file} />}
      </button>
      <div className="card-foot">
        <h3 title={file.name}>{file.name}</h3>
        <p className="card-facts">
          <Average id={seen ? file.id : null} name={file.name} />
          {file.size ? <span>{bytes(file.size)}</span> : null}
        </p>
        <div className="card-actions">
          <button type="button" className="button icon" aria-label={`Rename ${file.name}`} title="Rename" onClick={() => actions.rename(file)}>
            <PencilIcon size={16} />
          </button>
          <button type="button" className="button icon" aria-label={`Delete ${file.name}`} title="Delete" onClick={() => actions.remove(file)}>
            <TrashIcon size={16} />
          </button>
        </div>
      </div>
    </li>
  );
}

/** How far the user has come in a recording. */
function Progress({ id, file }: { id: string; file: MediaFile }) {
  const { reading } = useResource("watch-progress", { fileId: file.id }, file.name);
  const seconds = reading?.data?.seconds ?? 0;
  if (!file.duration || seconds < 1) return null;
  const part = Math.min(1, seconds / file.duration);
  return (
    <span id={id} className="watched" role="img" aria-label={`${Math.round(part * 100)} % watched`}>
      <span style={{ "--part": part } as React.CSSProperties} />
    </span>
  );
}
