/** Why a call failed; the members are described in index.d.ts. */
export class TiercelError extends Error {
  constructor({ code, message, status = null, body }, options) {
    super(message, options);
    this.name = "TiercelError";
    this.code = code;
    this.status = status;
    this.body = body;
  }
}

/** What the wasm rejects with is a plain object; everything else passes. */
export function typed(error) {
  const failure = typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
  return failure ? new TiercelError(error) : error;
}
