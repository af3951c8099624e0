/** What the origin's API speaks. */

import "@tiercel/sdk";

/** Every answer is wrapped in this; the SDK hands bodies on as they are. */
export interface Envelope<T> {
  readonly data: T;
}

/** What the classes of the policy hold. */
declare module "@tiercel/sdk" {
  interface Data {
    "user-files": Envelope<FileList>;
    "user-stats": Envelope<Stats>;
    "file-info": Envelope<MediaFile>;
    /** `files` are the ten best, where those were asked for. */
    ratings: Envelope<Rating & { readonly files?: readonly RatedFile[] }>;
    "watch-progress": Envelope<WatchProgress | null>;
    artists: Envelope<ArtistList>;
  }
}

export type Category = "videos" | "images" | "music";

export const CATEGORIES: readonly Category[] = ["videos", "images", "music"];

export const CATEGORY_NAMES: Readonly<Record<Category, string>> = { videos: "Videos", images: "Images", music: "Music" };

export interface User {
  readonly id: string;
  readonly name: string;
}

export interface MediaFile {
  readonly id: string;
  readonly name: string;
  readonly category: Category;
  /** Media type, for example `video/mp4`. */
  readonly type?: string;
  /** Bytes. */
  readonly size?: number;
  /** ISO 8601, or epoch seconds or milliseconds. */
  readonly created_at?: string | number;
  readonly width?: number | null;
  readonly height?: number | null;
  /** Seconds. */
  readonly duration?: number | null;
  /** Only in the details, not in lists. */
  readonly description?: string;
}

export interface FileList {
  readonly files: readonly MediaFile[];
}

export interface Stats {
  readonly files: number;
  readonly bytes: number;
  readonly by_category: Partial<Record<Category, { readonly files: number; readonly bytes: number }>>;
}

export interface Rating {
  /** 1 to 5; null or 0 while nobody has rated. */
  readonly average: number | null;
  readonly count: number;
}

export interface RatedFile extends Rating {
  readonly id: string;
  readonly name: string;
  readonly category: Category;
}

export interface WatchProgress {
  readonly seconds: number;
}

/** An artist that the user listens to or follows. */
export interface Artist {
  readonly id: string;
  readonly name: string;
  /** 0 to 100. */
  readonly score: number;
  /** A square picture's URL. */
  readonly image: string | null;
  readonly genres: readonly string[];
  /** The place in each of Spotify's ranges, from 1. */
  readonly ranks: Readonly<Record<"short_term" | "medium_term" | "long_term", number | null>>;
  readonly followed: boolean;
  readonly selected: boolean;
}

export interface Pagination {
  readonly total: number;
  /** Counted from 0. */
  readonly page: number;
  readonly limit: number;
  readonly has_more: boolean;
}

/** A page of the artists, the highest score first. */
export interface ArtistList {
  readonly artists: readonly Artist[];
  readonly connected: boolean;
  readonly pagination: Pagination;
  /** Where a cache keeps the list: how good it is. `fallback_revoked` stands in while the connection is revoked. */
  readonly cache_status?: "fresh" | "stale" | "fallback_revoked";
  readonly warning?: string;
}
