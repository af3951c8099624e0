import { useId, useRef } from "react";
import { useResource, useSeen } from "../hooks";
import type { RatedFile } from "../types";
import type { Opened } from "./Shell";
import { Thumb } from "./Thumb";
import { TierBadge } from "./TierBadge";
import { StarIcon } from "./icons";

/** The ten best rated files, of everybody. */
export function TopStrip({ onOpen }: { onOpen: (opened: Opened) => void }) {
  const { reading } = useResource("ratings", { fileId: "top10" });
  const files = reading?.data.files ?? [];
  if (files.length === 0) return null;
  return (
    <section className="top" aria-labelledby="top-title">
      <header className="section-title">
        <h2 id="top-title">Top {Math.min(10, files.length)}</h2>
        <TierBadge answer={reading?.answer} />
      </header>
      <ol className="strip">
        {files.slice(0, 10).map((file, place) => (
          <TopCard key={file.id} file={file} place={place + 1} onOpen={() => onOpen({ file, among: files })} />
        ))}
      </ol>
    </section>
  );
}

function TopCard({ file, place, onOpen }: { file: RatedFile; place: number; onOpen: () => void }) {
  const ref = useRef<HTMLLIElement>(null);
  const seen = useSeen(ref);
  const badge = useId();
  return (
    <li ref={ref} className="top-card">
      <span className="place" aria-hidden="true">
        {place}
      </span>
      <button type="button" className="card-open" onClick={onOpen} aria-label={`Number ${place}: ${file.name}`} aria-describedby={badge}>
        <Thumb file={file} wanted={seen}>
          {(answer) => <TierBadge id={badge} answer={answer} dot />}
        </Thumb>
        <span className="top-caption">
          <span>{file.name}</span>
          <span className="average">
            <StarIcon size={12} /> {(file.average ?? 0).toFixed(1)}
          </span>
        </span>
      </button>
    </li>
  );
}
