/** The origin's API: every change goes through here; reads of cached classes go through `cache.ts`. */

import { record } from "./activity";
import { online } from "./network";
import type { Category } from "./types";

/** The origin said no, or could not be reached (`code` is then `"offline"`). */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number | null,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const UNREACHABLE = "The server cannot be reached. Try again when you are back online.";

interface Envelope<T> {
  success?: boolean;
  /** The Service Worker has it, and sends it when there is a network. */
  queued?: boolean;
  data?: T;
  error?: { code?: string; message?: string };
}

function unwrap<T>(status: number, body: Envelope<T> | null): T {
  if (status >= 200 && status < 300 && body?.success !== false) return (body?.data ?? null) as T;
  const { code = "unknown", message = `The server answered ${status}.` } = body?.error ?? {};
  throw new ApiError(code, status, message);
}

interface CallOptions {
  /** Let the request outlive the page. */
  keepalive?: boolean;
  /** Housekeeping that would only be noise in the log. */
  quiet?: boolean;
}

/** Calls the API and unwraps its envelope; null where that is empty, as it is of what waits for a network. Throws {@link ApiError}. */
export async function call<T>(method: string, path: string, json?: unknown, options: CallOptions = {}): Promise<T> {
  const startedAt = performance.now();
  const log = (status: number | null, queued = false): void => {
    if (!options.quiet) record({ kind: "write", method, path, status, queued, ms: performance.now() - startedAt });
  };
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      keepalive: options.keepalive ?? false,
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      body: json === undefined ? null : JSON.stringify(json),
    });
  } catch {
    log(null);
    online.set(false);
    throw new ApiError("offline", null, UNREACHABLE);
  }
  const body = (await response.json().catch(() => null)) as Envelope<T> | null;
  const queued = body?.queued === true;
  log(response.status, queued);
  online.set(!queued);
  return unwrap(response.status, body);
}

/** Sends a form, telling how far it is (0 to 1): `fetch` cannot report the progress of a body. */
export function send<T>(path: string, form: FormData, onProgress: (done: number) => void, signal: AbortSignal): Promise<T> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const end = (status: number | null): void =>
      record({ kind: "write", method: "POST", path, status, queued: false, ms: performance.now() - startedAt });
    request.open("POST", path);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => lengthComputable && onProgress(loaded / total);
    request.onload = () => {
      end(request.status);
      try {
        resolve(unwrap(request.status, request.response as Envelope<T> | null));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => {
      end(null);
      online.set(false);
      reject(new ApiError("offline", null, UNREACHABLE));
    };
    request.onabort = () => reject(new ApiError("aborted", null, "Upload cancelled."));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Paths of one file; ids and categories are escaped, whatever they hold. */
export const paths = {
  media: (category: Category, id: string) => `/api/files/${encodeURIComponent(category)}/${encodeURIComponent(id)}`,
  info: (category: Category, id: string) => `${paths.media(category, id)}/info`,
  thumbnail: (category: Category, id: string) => `${paths.media(category, id)}/thumbnail`,
  ratings: (id: string) => `/api/ratings/${encodeURIComponent(id)}`,
  progress: (id: string) => `/api/watch-progress/${encodeURIComponent(id)}`,
};
