import { useState, type FormEvent } from "react";
import { call, paths } from "../api";
import { complain, say } from "../notices";
import { useSignedIn } from "../session";
import type { MediaFile } from "../types";
import { Dialog } from "./Dialog";

interface FileDialogProps {
  file: MediaFile;
  onClose: () => void;
  onDone: () => void;
}

/** Asks before a file is deleted for good. */
export function DeleteDialog({ file, onClose, onDone }: FileDialogProps) {
  const { cache } = useSignedIn();
  const [busy, setBusy] = useState(false);
  const remove = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await call("DELETE", paths.media(file.category, file.id));
      await cache.happened("delete", { category: file.category, fileId: file.id });
      say(`Deleted “${file.name}”.`);
      onDone();
    } catch (error) {
      complain(error);
      onClose();
    }
  };
  return (
    <Dialog label="Delete file" className="small-dialog" onClose={onClose}>
      <form onSubmit={(event) => void remove(event)}>
        <h2>Delete “{file.name}”?</h2>
        <p className="muted">It goes from your library and from every cache that holds it. This cannot be undone.</p>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose} autoFocus>
            Keep it
          </button>
          <button type="submit" className="button danger" disabled={busy}>
            {busy ? "Deleting…" : "Delete"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Gives a file another name. */
export function RenameDialog({ file, onClose, onDone }: FileDialogProps) {
  const { cache } = useSignedIn();
  const [name, setName] = useState(file.name);
  const [busy, setBusy] = useState(false);
  const rename = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await call("PATCH", paths.info(file.category, file.id), { name: name.trim() });
      await cache.happened("update-metadata", { category: file.category, fileId: file.id });
      say(`Renamed to “${name.trim()}”.`);
      onDone();
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return (
    <Dialog label="Rename file" className="small-dialog" onClose={onClose}>
      <form onSubmit={(event) => void rename(event)}>
        <h2>Rename</h2>
        <label className="field">
          <span>Name</span>
          <input value={name} onChange={(event) => setName(event.target.value)} maxLength={200} required autoFocus onFocus={(event) => event.target.select()} />
        </label>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy || name.trim() === "" || name.trim() === file.name}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
