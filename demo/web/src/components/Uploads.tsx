import { useEffect, useRef, useState } from "react";
import { useLatest } from "../hooks";
import { useSignedIn } from "../session";
import { useStore } from "../store";
import { uploadAll, uploads } from "../uploads";
import { CloseIcon, UploadIcon } from "./icons";

const ACCEPTED = "video/*,image/*,audio/*";

export function UploadButton({ disabled }: { disabled: boolean }) {
  const { cache } = useSignedIn();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className="button primary icon-text"
        disabled={disabled}
        title={disabled ? "Uploads need the network" : "Upload files, or drop them anywhere"}
        aria-label="Upload"
        onClick={() => input.current?.click()}
      >
        <UploadIcon size={18} />
        <span className="wide-only">Upload</span>
      </button>
      <input
        ref={input}
        type="file"
        accept={ACCEPTED}
        multiple
        hidden
        onChange={(event) => {
          void uploadAll([...(event.target.files ?? [])], cache);
          // The same file may be chosen again.
          event.target.value = "";
        }}
      />
    </>
  );
}

/** The whole page takes dropped files. */
export function DropZone() {
  const { cache } = useSignedIn();
  const latest = useLatest(cache);
  const [over, setOver] = useState(false);
  useEffect(() => {
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    // `dragleave` fires between elements too; without a related target the pointer has left the window.
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(false);
      void uploadAll([...(event.dataTransfer?.files ?? [])], latest.current);
    };
    const stop = new AbortController();
    const { signal } = stop;
    window.addEventListener("dragenter", enter, { signal });
    window.addEventListener("dragover", enter, { signal });
    window.addEventListener("dragleave", leave, { signal });
    window.addEventListener("drop", drop, { signal });
    return () => stop.abort();
  }, [latest]);
  if (!over) return null;
  return (
    <div className="drop-zone" aria-hidden="true">
      <p>
        <UploadIcon size={40} />
        Drop to add to your library
      </p>
    </div>
  );
}

/** Uploads under way. */
export function UploadTray() {
  const all = useStore(uploads);
  if (all.length === 0) return null;
  return (
    <section className="upload-tray" aria-label="Uploads">
      {all.map(({ id, name, done, cancel }) => (
        <div key={id} className="upload">
          <span className="upload-name">{name}</span>
          <span className="muted">{done < 1 ? `${Math.round(done * 100)} %` : "Finishing…"}</span>
          <button type="button" className="button icon" aria-label={`Cancel upload of ${name}`} onClick={cancel}>
            <CloseIcon size={16} />
          </button>
          <progress value={done} max={1} aria-label={`Upload of ${name}`} />
        </div>
      ))}
    </section>
  );
}
