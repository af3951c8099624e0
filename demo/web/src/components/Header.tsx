import { activity } from "../activity";
import { useOnline } from "../network";
import { signOut, useSignedIn } from "../session";
import { useStore } from "../store";
import { CATEGORIES, CATEGORY_NAMES } from "../types";
import type { View } from "./Shell";
import { UploadButton } from "./Uploads";
import { ArtistIcon, GridIcon, ImageIcon, LayersIcon, Logo, MusicIcon, PulseIcon, SignOutIcon, VideoIcon } from "./icons";

const CATEGORY_ICONS = { videos: VideoIcon, images: ImageIcon, music: MusicIcon } as const;

interface HeaderProps {
  view: View;
  panel: boolean;
  onPanel: (open: boolean) => void;
  inspector: boolean;
  onInspector: (open: boolean) => void;
}

export function Header({ view, panel, onPanel, inspector, onInspector }: HeaderProps) {
  const { user } = useSignedIn();
  const online = useOnline();
  const count = useStore(activity).length;
  return (
    <header className="header">
      <a className="brand" href="#">
        <Logo /> <span>Videomi</span>
      </a>
      <nav className="tabs" aria-label="Categories">
        <a href="#" aria-current={view.category === null ? "page" : undefined}>
          <GridIcon size={18} /> All
        </a>
        {CATEGORIES.map((each) => {
          const Icon = CATEGORY_ICONS[each];
          return (
            <a key={each} href={`#${each}`} aria-current={view.category === each ? "page" : undefined}>
              <Icon size={18} /> {CATEGORY_NAMES[each]}
            </a>
          );
        })}
        <a href="#artists" aria-current={view.category === "artists" ? "page" : undefined}>
          <ArtistIcon size={18} /> Artists
        </a>
      </nav>
      <div className="header-actions">
        <UploadButton disabled={!online} />
        <button
          type="button"
          className="button icon-text"
          aria-pressed={panel}
          aria-controls="activity"
          title="What just happened"
          onClick={() => onPanel(!panel)}
        >
          <PulseIcon size={18} />
          <span className="wide-only">Activity</span>
          {count > 0 && !panel && <span className="count">{count}</span>}
        </button>
        <button
          type="button"
          className="button icon"
          aria-pressed={inspector}
          aria-label="Inspector"
          title="What is stored on this device"
          onClick={() => onInspector(!inspector)}
        >
          <LayersIcon size={18} />
        </button>
        <span className="avatar" data-user={user.id} title={user.name} aria-label={`Signed in as ${user.name}`} role="img">
          {user.name[0]}
        </span>
        <button type="button" className="button icon" title={`Sign out ${user.name}`} aria-label="Sign out" onClick={() => void signOut()}>
          <SignOutIcon size={18} />
        </button>
      </div>
    </header>
  );
}
