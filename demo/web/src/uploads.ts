/** Uploads under way. The browser measures each file and makes its thumbnail, so that the origin need not decode it. */

import { send } from "./api";
import type { UserCache } from "./cache";
import { complain, say } from "./notices";
import { createStore } from "./store";
import type { Category, MediaFile } from "./types";

export interface Upload {
  readonly id: number;
  readonly name: string;
  /** 0 to 1. */
  readonly done: number;
  readonly cancel: () => void;
}

export const uploads = createStore<readonly Upload[]>([]);

let lastId = 0;

/** Where a file belongs, by its media type; null for what this library does not keep. */
export function categoryOf(type: string): Category | null {
  if (type.startsWith("video/")) return "videos";
  if (type.startsWith("image/")) return "images";
  return type.startsWith("audio/") ? "music" : null;
}

/** Uploads files one after another, so that each gets the whole line. */
export async function uploadAll(files: readonly File[], cache: UserCache): Promise<void> {
  for (const file of files) {
    const category = categoryOf(file.type);
    if (category === null) complain(`“${file.name}” is not a video, an image or music.`);
    else await upload(file, category, cache);
  }
}

async function upload(file: File, category: Category, cache: UserCache): Promise<void> {
  lastId += 1;
  const id = lastId;
  const abort = new AbortController();
  const progress = (done: number): void => uploads.set((all) => all.map((each) => (each.id === id ? { ...each, done } : each)));
  uploads.set((all) => [...all, { id, name: file.name, done: 0, cancel: () => abort.abort() }]);
  try {
    const form = new FormData();
    form.set("category", category);
    form.set("name", file.name.replace(/\.[^.]+$/, "") || file.name);
    const { thumbnail, ...measures } = await inspect(file, category);
    for (const [field, value] of Object.entries(measures)) form.set(field, String(value));
    if (thumbnail) form.set("thumbnail", thumbnail, "thumbnail.jpg");
    // The big part last: a server that reads in order then has the fields before the bytes.
    form.set("file", file);
    await send<{ file: MediaFile }>("/api/upload", form, progress, abort.signal);
    await cache.happened("upload", { category });
    say(`“${file.name}” is in your library.`);
  } catch (error) {
    complain(error);
  } finally {
    uploads.set((all) => all.filter((each) => each.id !== id));
  }
}

/** What the browser can tell of a file; nothing where it cannot decode it. */
interface Inspected {
  readonly width?: number;
  readonly height?: number;
  /** Seconds. */
  readonly duration?: number;
  readonly thumbnail?: Blob | null;
}

const WIDTH = 480;
const HEIGHT = 270;
const DECODE_WAIT_MS = 5000;

async function inspect(file: File, category: Category): Promise<Inspected> {
  try {
    if (category !== "images") return await inspectRecording(file, category === "videos");
    const image = await createImageBitmap(file);
    const { width, height } = image;
    return { width, height, thumbnail: await draw(image, width, height) };
  } catch {
    return {};
  }
}

/** A small JPEG. */
function draw(image: CanvasImageSource, width: number, height: number): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  // Fill the frame and cut what is over, as the cards do.
  const scale = Math.max(WIDTH / width, HEIGHT / height);
  const [w, h] = [width * scale, height * scale];
  canvas.getContext("2d")?.drawImage(image, (WIDTH - w) / 2, (HEIGHT - h) / 2, w, h);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.82));
}

function inspectRecording(file: File, pictures: boolean): Promise<Inspected> {
  const url = URL.createObjectURL(file);
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  const inspected = new Promise<Inspected>((resolve, reject) => {
    const measures = (): Inspected => ({
      ...(Number.isFinite(video.duration) && { duration: video.duration }),
      ...(video.videoWidth > 0 && { width: video.videoWidth, height: video.videoHeight }),
    });
    video.onerror = () => reject(new Error("this browser cannot decode the file"));
    video.onloadedmetadata = () => {
      if (!pictures) resolve(measures());
      // A second in, because many films begin with black.
      else video.currentTime = Number.isFinite(video.duration) ? Math.min(1, video.duration / 2) : 0;
    };
    video.onseeked = () => {
      draw(video, video.videoWidth, video.videoHeight).then((thumbnail) => resolve({ ...measures(), thumbnail }), reject);
    };
    setTimeout(() => resolve(measures()), DECODE_WAIT_MS);
    video.src = url;
  });
  return inspected.finally(() => URL.revokeObjectURL(url));
}
