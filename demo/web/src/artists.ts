/** The user's artists: pages of the class `artists`, the selection, and the connection to Spotify that they come from. */

import { useEffect, useState } from "react";
import { TiercelError, type Params } from "@tiercel/sdk";
import { ApiError, call } from "./api";
import type { Reading, UserCache } from "./cache";
import { useResource } from "./hooks";
import type { Artist, ArtistList, Pagination } from "./types";

export const PAGE_SIZE = 20;

/** The language of the warning that the policy has put above a list (policies/videomi.json). */
export const WARNING_LANGUAGE = "fr";

/** How the class is asked for one page, counted from 0. */
function pageParams(page: number): Params<"artists"> {
  return { page, limit: PAGE_SIZE };
}

export interface Artists {
  readonly reading: Reading<ArtistList> | null;
  /** Why the last read failed, though there may be an older reading. */
  readonly failure: Error | null;
}

/** Follows one page, counted from 0. */
export function useArtists(page: number): Artists {
  return useResource("artists", pageParams(page), `page ${page + 1}`);
}

export function pagesIn({ total, limit }: Pagination): number {
  return Math.max(1, Math.ceil(total / limit));
}

/** Whether an error says that Spotify no longer accepts the connection. */
export function isRevoked(error: Error | null): boolean {
  return codeOf(error) === "SPOTIFY_TOKEN_REVOKED";
}

function codeOf(error: Error | null): string | undefined {
  if (error instanceof ApiError) return error.code;
  if (!(error instanceof TiercelError)) return undefined;
  return (error.body as { error?: { code?: string } } | null)?.error?.code;
}

/** What an error says to people. */
export function wordsOf(error: Error): string {
  if (!(error instanceof TiercelError)) return error.message;
  return (error.body as { error?: { message?: string } } | null)?.error?.message ?? error.message;
}

/** Selects an artist, or no longer; shown at once, and taken back where the origin refuses. */
export async function select(cache: UserCache, { id }: Artist, selected: boolean, page: number): Promise<void> {
  await cache.change("artist-toggle", "/api/user/artists/toggle", {
    body: { artist_id: id, selected },
    optimistic: [
      {
        class: "artists",
        params: pageParams(page),
        update: ({ data, ...rest }) => ({
          ...rest,
          data: { ...data, artists: data.artists.map((artist) => (artist.id === id ? { ...artist, selected } : artist)) },
        }),
      },
    ],
  });
}

/** A music platform, as the origin tells of it. */
export interface Platform {
  readonly slug: string;
  readonly connected: boolean;
  readonly revoked: boolean;
  readonly account: { readonly id: string; readonly name: string } | null;
  /** ISO 8601; null before the first time. */
  readonly synced_at: string | null;
  readonly scores: number;
  /** Without `redirect_uri` and `state`; null where the origin is no client of the platform. */
  readonly authorize_url: string | null;
}

/** Spotify's connection, asked for again whenever `epoch` changes; null while nothing is known. */
export function usePlatform(epoch: unknown): Platform | null {
  const [platform, setPlatform] = useState<Platform | null>(null);
  useEffect(() => {
    let live = true;
    call<{ platforms: readonly Platform[] }>("GET", "/api/user/platforms", undefined, { quiet: true }).then(
      ({ platforms }) => live && setPlatform(platforms.find(({ slug }) => slug === "spotify") ?? null),
      // Offline: the list is shown without it.
      () => {},
    );
    return () => {
      live = false;
    };
  }, [epoch]);
  return platform;
}

const STATE = "videomi:spotify-state";

/** Where Spotify sends the browser back to. */
const redirectUri = (): string => `${location.origin}/`;

/** Leaves the page, to ask the user at Spotify. */
export function leaveForSpotify(authorizeUrl: string): void {
  const state = crypto.randomUUID();
  sessionStorage.setItem(STATE, state);
  const url = new URL(authorizeUrl);
  url.searchParams.set("state", state);
  url.searchParams.set("redirect_uri", redirectUri());
  location.assign(url);
}

/** What Spotify says when it sends the browser back, once; null on any other visit. Out of the address at once: a code is a secret. */
const returned = ((): URLSearchParams | null => {
  const query = new URLSearchParams(location.search);
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return null;
  history.replaceState(null, "", "/#artists");
  return query;
})();
let isFinished = false;

/**
 * Connects, where the browser comes back from Spotify; says whether it did.
 * @throws {ApiError} when Spotify or the user refused
 */
export async function finishConnecting(cache: UserCache): Promise<boolean> {
  if (returned === null || isFinished) return false;
  isFinished = true;
  const expected = sessionStorage.getItem(STATE);
  sessionStorage.removeItem(STATE);
  // Somebody else's link, made to connect this user to an account of theirs (RFC 6749 §10.12).
  if (expected === null || returned.get("state") !== expected) throw new ApiError("foreign_state", null, "This did not begin here: connect again.");
  const code = returned.get("code");
  if (code === null) throw new ApiError("access_denied", null, "Spotify was not connected.");
  await cache.change("platform-connect", "/api/user/platforms/connect", {
    body: { platform_slug: "spotify", code, redirect_uri: redirectUri() },
  });
  return true;
}

export async function disconnect(cache: UserCache): Promise<void> {
  await cache.change("platform-disconnect", "/api/user/platforms/disconnect", { body: { platform_slug: "spotify" } });
}

/** Has the origin store the scores as they are; answers how many. */
export async function sync(): Promise<number> {
  return (await call<{ artists: number }>("POST", "/api/user/artists/sync")).artists;
}
