import { useEffect, useState } from "react";
import {
  disconnect, finishConnecting, isRevoked, leaveForSpotify, PAGE_SIZE, pagesIn, select, sync, useArtists, usePlatform, WARNING_LANGUAGE,
  wordsOf, type Platform,
} from "../artists";
import { useOnline } from "../network";
import { complain, say } from "../notices";
import { useSignedIn } from "../session";
import type { Artist, ArtistList } from "../types";
import { TierBadge } from "./TierBadge";
import { CheckIcon, LinkIcon, MusicIcon, NextIcon, PlusIcon, PreviousIcon, WarningIcon } from "./icons";

/** The artists that the user listens to, a page at a time; `page` counts from 0. */
export function Artists({ page }: { page: number }) {
  const { cache } = useSignedIn();
  const { reading, failure } = useArtists(page);
  const [epoch, setEpoch] = useState(0);
  const list = reading?.data;
  // What becomes of the list may be news of the connection.
  const platform = usePlatform(`${epoch} ${list?.connected} ${list?.cache_status} ${failure}`);
  const again = (): void => setEpoch((epoch) => epoch + 1);

  useEffect(() => {
    finishConnecting(cache)
      .then((done) => done && say("Spotify is connected."), complain)
      .finally(again);
  }, [cache]);

  const revoked = isRevoked(failure) || list?.cache_status === "fallback_revoked";
  return (
    <section id="library" tabIndex={-1} aria-labelledby="artists-title" aria-busy={!reading && !failure}>
      <header className="section-title">
        <h2 id="artists-title">Your artists</h2>
        <TierBadge answer={reading?.answer} />
        <Connection platform={platform} onChange={again} />
      </header>
      {revoked && <Revoked list={list} platform={platform} />}
      {!revoked && failure && (
        <p className="warning" role="alert">
          {wordsOf(failure)}
        </p>
      )}
      {!revoked && list?.connected && list.cache_status === "stale" && (
        <p className="muted artists-note">
          <Warning list={list}>A little old: Spotify could not be asked just now.</Warning>
        </p>
      )}
      {!list && !failure && <Skeleton />}
      {list && !list.connected && <NotConnected platform={platform} />}
      {list?.connected && <List list={list} page={page} />}
      {platform && <StandIn platform={platform} />}
    </section>
  );
}

/** What the policy says of a list that stands in, or else what this page does. */
function Warning({ list, children }: { list: ArtistList | undefined; children: string }) {
  return list?.warning ? <span lang={WARNING_LANGUAGE}>{list.warning}</span> : children;
}

/** The connection was revoked: what is shown is old, or there is nothing to show. */
function Revoked({ list, platform }: { list: ArtistList | undefined; platform: Platform | null }) {
  const outlook = list?.connected ? "This is the list as it was: connect again to bring it up to date." : "Connect again to see your artists.";
  return (
    <div className="artists-alert" role="alert">
      <span className="alert-badge">
        <WarningIcon size={16} /> Spotify disconnected
      </span>
      <p>
        <Warning list={list}>{`Spotify no longer accepts this connection. ${outlook}`}</Warning>
      </p>
      <ConnectButton platform={platform}>Reconnect Spotify</ConnectButton>
    </div>
  );
}

function ConnectButton({ platform, children }: { platform: Platform | null; children: string }) {
  const online = useOnline();
  const url = platform?.authorize_url ?? null;
  return (
    <button type="button" className="button primary" disabled={!online || url === null} onClick={() => url && leaveForSpotify(url)}>
      <LinkIcon size={17} /> {children}
    </button>
  );
}

function NotConnected({ platform }: { platform: Platform | null }) {
  return (
    <div className="empty artists-empty">
      <MusicIcon size={40} />
      <p>Connect Spotify to see the artists you listen to, by how much you do.</p>
      <ConnectButton platform={platform}>Connect Spotify</ConnectButton>
      {platform?.authorize_url === null && <p>This server is no client of Spotify’s yet; demo/README.md says how it becomes one.</p>}
    </div>
  );
}

/** Which account it is, and what can be done with it. */
function Connection({ platform, onChange }: { platform: Platform | null; onChange: () => void }) {
  const { cache } = useSignedIn();
  const online = useOnline();
  const [busy, setBusy] = useState(false);
  if (!platform?.connected) return null;
  const act = (done: () => Promise<string>) => async (): Promise<void> => {
    setBusy(true);
    try {
      say(await done());
    } catch (error) {
      complain(error);
    } finally {
      setBusy(false);
      onChange();
    }
  };
  const store = act(async () => `Scores of ${await sync()} artists are stored.`);
  const leave = act(async () => {
    await disconnect(cache);
    return "Spotify is disconnected.";
  });
  return (
    <div className="artists-connection">
      <span className="muted" title={platform.synced_at ? `${platform.scores} scores stored` : "No scores stored yet"}>
        Spotify · {platform.account?.name}
      </span>
      <button type="button" className="button small" disabled={busy || !online || platform.revoked} onClick={() => void store()}>
        Store scores
      </button>
      <button type="button" className="button small" disabled={busy || !online} onClick={() => void leave()}>
        Disconnect
      </button>
    </div>
  );
}

function List({ list, page }: { list: ArtistList; page: number }) {
  const { artists, pagination } = list;
  const pages = pagesIn(pagination);
  if (pagination.total === 0) return <p className="empty">Spotify knows of no artist you listen to yet.</p>;
  return (
    <>
      {artists.length === 0 ? (
        <p className="empty">
          There is no page {page + 1}. <a href="#artists">Back to the first</a>
        </p>
      ) : (
        <ol className="artists" start={page * pagination.limit + 1}>
          {artists.map((artist, index) => (
            <Row key={artist.id} artist={artist} place={page * pagination.limit + index + 1} page={page} />
          ))}
        </ol>
      )}
      <nav className="pages" aria-label="Pages">
        <Step to={page > 0 ? page - 1 : null} label="Previous page">
          <PreviousIcon size={18} />
        </Step>
        <span aria-live="polite">
          Page {page + 1} of {pages}
        </span>
        <Step to={pagination.has_more ? page + 1 : null} label="Next page">
          <NextIcon size={18} />
        </Step>
      </nav>
    </>
  );
}

/** A link to another page, counted from 0; null where there is none. */
function Step({ to, label, children }: { to: number | null; label: string; children: React.ReactNode }) {
  if (to === null) {
    return (
      <span className="button icon" aria-hidden="true" data-disabled>
        {children}
      </span>
    );
  }
  return (
    <a className="button icon" href={to === 0 ? "#artists" : `#artists/${to + 1}`} aria-label={label}>
      {children}
    </a>
  );
}

function Row({ artist, place, page }: { artist: Artist; place: number; page: number }) {
  const { cache } = useSignedIn();
  const [broken, setBroken] = useState(false);
  const toggle = (): void => void select(cache, artist, !artist.selected, page).catch(complain);
  return (
    <li className="artist">
      <span className="artist-place" aria-hidden="true">
        {place}
      </span>
      <span className="artist-picture">
        {artist.image && !broken ? (
          <img src={artist.image} alt="" loading="lazy" draggable={false} onError={() => setBroken(true)} />
        ) : (
          <MusicIcon size={22} />
        )}
      </span>
      <span className="artist-name">
        <strong title={artist.name}>{artist.name}</strong>
        <small className="muted">{artist.genres.join(", ")}</small>
      </span>
      <span className="artist-score" role="img" aria-label={`Score ${artist.score} of 100`} title={reasons(artist)}>
        <span style={{ "--part": artist.score / 100 } as React.CSSProperties} />
        <b aria-hidden="true">{artist.score.toFixed(1)}</b>
      </span>
      <button type="button" className="button icon artist-toggle" aria-pressed={artist.selected} aria-label={`Select ${artist.name}`} title={artist.selected ? "Selected" : "Select"} onClick={toggle}>
        {artist.selected ? <CheckIcon size={17} /> : <PlusIcon size={17} />}
      </button>
    </li>
  );
}

const RANGES = { short_term: "four weeks", medium_term: "six months", long_term: "a year" } as const;

/** Where a score comes from. */
function reasons({ ranks, followed }: Artist): string {
  const places = (Object.keys(RANGES) as (keyof typeof RANGES)[]).filter((range) => ranks[range] !== null);
  const parts = places.map((range) => `number ${ranks[range]} in ${RANGES[range]}`);
  return [...parts, ...(followed ? ["followed"] : [])].join(", ");
}

function Skeleton() {
  return (
    <ol className="artists skeleton" aria-hidden="true">
      {Array.from({ length: PAGE_SIZE / 2 }, (_, i) => (
        <li key={i} className="artist">
          <span className="artist-place" />
          <span className="artist-picture" />
        </li>
      ))}
    </ol>
  );
}

/** In development Spotify is a stand-in on this machine, with switches to try what the page does. */
function StandIn({ platform }: { platform: Platform }) {
  const url = platform.authorize_url === null ? null : new URL(platform.authorize_url);
  if (url === null || !["127.0.0.1", "localhost"].includes(url.hostname)) return null;
  return (
    <form className="stand-in muted" method="post" action={`${url.origin}/control/revoke`}>
      <span>Development: Spotify is a stand-in on this machine.</span>
      <input type="hidden" name="account" value={platform.account?.id ?? "listener"} />
      <input type="hidden" name="return" value={location.href} />
      {platform.connected && !platform.revoked && (
        <>
          <button type="submit" className="link">
            Revoke the connection there
          </button>
          <span>Then select an artist: Spotify is asked again, and refuses.</span>
        </>
      )}
      <a className="link" href={url.origin}>
        All its switches
      </a>
    </form>
  );
}
