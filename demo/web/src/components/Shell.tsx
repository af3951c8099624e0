import { useEffect, useState, useSyncExternalStore } from "react";
import { useRemembered } from "../hooks";
import { CATEGORIES, CATEGORY_NAMES, type Category, type MediaFile } from "../types";
import { ActivityPanel } from "./ActivityPanel";
import { Artists } from "./Artists";
import { DeleteDialog, RenameDialog } from "./FileDialogs";
import { Header } from "./Header";
import { Inspector } from "./Inspector";
import { Library } from "./Library";
import { PlayerDialog } from "./PlayerDialog";
import { StatsTiles } from "./StatsTiles";
import { TopStrip } from "./TopStrip";
import { DropZone, UploadTray } from "./Uploads";

/** A file, and the list it was opened from. */
export interface Opened {
  readonly file: MediaFile;
  readonly among: readonly MediaFile[];
}

type Asked = { readonly kind: "rename" | "delete"; readonly file: MediaFile };

export interface FileActions {
  open(opened: Opened): void;
  rename(file: MediaFile): void;
  remove(file: MediaFile): void;
}

/** What is shown: files of a category (null for all), or a page of artists, counted from 0. */
export type View = { readonly category: Category | null } | { readonly category: "artists"; readonly page: number };

/** The view is in the address, so that back, forward and bookmarks work: `#music`, `#artists/2`. */
function useView(): View {
  const hash = useSyncExternalStore(
    (listener) => {
      window.addEventListener("hashchange", listener);
      return () => window.removeEventListener("hashchange", listener);
    },
    () => location.hash.slice(1),
  );
  const [name, page] = hash.split("/");
  if (name === "artists") return { category: name, page: Math.max(0, Math.floor(Number(page ?? 1)) - 1) || 0 };
  return { category: CATEGORIES.find((category) => category === hash) ?? null };
}

/** What a view is called, in the title of the page and as its first heading. */
function nameOf(view: View): string {
  if (view.category === "artists") return view.page === 0 ? "Your artists" : `Your artists, page ${view.page + 1}`;
  return view.category === null ? "Your library" : CATEGORY_NAMES[view.category];
}

function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = title;
    return () => void (document.title = before);
  }, [title]);
}

/** The page of a signed-in user. */
export function Shell() {
  const view = useView();
  const [panel, setPanel] = useRemembered("videomi:activity", window.matchMedia("(min-width: 1100px)").matches);
  const [inspector, setInspector] = useState(false);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const actions: FileActions = {
    open: setOpened,
    rename: (file) => setAsked({ kind: "rename", file }),
    remove: (file) => setAsked({ kind: "delete", file }),
  };
  const settle = (): void => setAsked(null);
  const title = `${nameOf(view)} · Videomi`;
  useTitle(title);

  return (
    <>
      <div className="shell" data-panel={panel ? "open" : "closed"}>
        {/* A button, because the address's fragment holds the category. */}
        <button type="button" className="skip" onClick={() => document.getElementById("library")?.focus()}>
          Skip to the library
        </button>
        <Header view={view} panel={panel} onPanel={setPanel} inspector={inspector} onInspector={setInspector} />
        <main className="content">
          <h1 className="visually-hidden">{title}</h1>
          {view.category === "artists" ? (
            <Artists page={view.page} />
          ) : (
            <>
              <StatsTiles />
              {view.category === null && <TopStrip onOpen={actions.open} />}
              <Library category={view.category} actions={actions} />
            </>
          )}
        </main>
        {panel && <ActivityPanel onClose={() => setPanel(false)} />}
      </div>
      <Inspector open={inspector} onClose={() => setInspector(false)} />
      <UploadTray />
      <DropZone />
      {opened && <PlayerDialog key={opened.file.id} opened={opened} actions={actions} onClose={() => setOpened(null)} />}
      {asked?.kind === "rename" && (
        <RenameDialog file={asked.file} onClose={settle} onDone={settle} />
      )}
      {asked?.kind === "delete" && (
        <DeleteDialog
          file={asked.file}
          onClose={settle}
          onDone={() => {
            settle();
            setOpened(null);
          }}
        />
      )}
    </>
  );
}
