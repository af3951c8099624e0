// The sections of a wasm module, as far as tools here read and write them (WebAssembly core specification 2.0, §5.5).

const PREAMBLE = 8;

/** Reads numbers and names from bytes. */
export class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128. */
  number() {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }

  take(length) {
    return this.bytes.subarray(this.at, (this.at += length));
  }

  name() {
    return this.take(this.number()).toString();
  }
}

/** `[id, content]` of every section. */
export function sections(wasm) {
  const reader = new Reader(wasm, PREAMBLE);
  const all = [];
  while (reader.at < wasm.length) {
    const id = reader.byte();
    all.push([id, reader.take(reader.number())]);
  }
  return all;
}

/** The module of `all`, with the entries of import (2) and export (7) sections as `changes[id]` makes them. */
export function rewrite(all, changes) {
  const parts = [Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])];
  for (const [id, content] of all) {
    const written = changes[id] ? entries(id, content, changes[id]) : content;
    parts.push(Buffer.from([id]), leb(written.length), written);
  }
  return Buffer.concat(parts);
}

function entries(id, content, change) {
  const reader = new Reader(content);
  const count = reader.number();
  const parts = [leb(count)];
  for (let left = count; left > 0; left--) {
    const module = id === 2 ? reader.name() : undefined;
    const name = reader.name();
    const start = reader.at;
    const kind = reader.byte();
    if (id === 2) skipType(reader, kind);
    else reader.number();
    const rest = content.subarray(start, reader.at);
    const changed = change({ module, name });
    for (const text of id === 2 ? [changed.module, changed.name] : [changed.name]) parts.push(leb(Buffer.byteLength(text)), Buffer.from(text));
    parts.push(rest);
  }
  return Buffer.concat(parts);
}

/** The type of an import: a function's, a table's, a memory's, or a global's. */
function skipType(reader, kind) {
  if (kind === 0) return void reader.number();
  if (kind === 3) return void reader.take(2);
  if (kind === 1) reader.byte();
  const hasMaximum = reader.byte() & 1;
  reader.number();
  if (hasMaximum) reader.number();
}

function leb(value) {
  const bytes = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 128 : low);
  } while (value > 0);
  return Buffer.from(bytes);
}
