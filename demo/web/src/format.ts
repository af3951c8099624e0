/** Numbers as people read them. */

const bytesIn = (unit: string, digits: number): Intl.NumberFormat =>
  new Intl.NumberFormat("en", { style: "unit", unit, maximumFractionDigits: digits });

const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map((unit, i) => bytesIn(unit, i > 1 ? 1 : 0));

/** `1.4 MB` */
export function bytes(count: number): string {
  let unit = 0;
  while (count >= 1000 && unit < BYTES.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return BYTES[unit]?.format(count) ?? "";
}

/** Seconds as an age: `now`, `12 s`, `5 min`, `3 h`, `4 d`. */
export function age(seconds: number): string {
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Seconds as a place in a recording: `3:07`, `1:02:45`. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const pad = (n: number): string => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** Milliseconds as a wait: `0.4 ms`, `23 ms`, `1.2 s`. */
export function wait(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `5 Nov 2026`, or nothing where the date does not parse. */
export function day(value: string | number | undefined): string {
  if (value === undefined) return "";
  const date = new Date(typeof value === "number" && value < 1e11 ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** `12:04:31` */
export function time(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}
