// Loops over the records of local stores for the wasm, which would cross over for each. They are { id, at, value, expires }:
// few and short members, because reading a list takes as long as its records are large. `id` is the store's prefix and the
// key; `at` the prefix and the moment of the write, as a text by which the newest come first.

export const local = {
  localIds(prefix, keys) {
    return keys.map((key) => prefix + checked(key));
  },

  localRecords(entries, { prefix, at, apart, ttl, most }) {
    const newest = new Map();
    for (const entry of entries) {
      if (!Array.isArray(entry)) throw { code: "bad-params", message: "Every entry must be a pair, [key, value]." };
      const [key, value] = entry;
      // Written again, it is new again.
      if (newest.has(key)) newest.delete(key);
      newest.set(checked(key), value);
    }
    const pairs = [...newest];
    const records = (newest.size > most ? pairs.slice(-most) : pairs).map(([key, value], n) => {
      const moment = at + n * apart;
      const record = { id: prefix + key, at: prefix + order(moment), value };
      if (ttl !== undefined) record.expires = moment + ttl;
      return record;
    });
    // Copying many takes as long as writing them: those may not be changed until they are written.
    return records.length === 1 ? this.localCopies(records) : records;
  },

  localCopies(records) {
    return records.map((record) => {
      try {
        return structuredClone(record);
      } catch {
        const key = record.id.slice(record.id.indexOf("/") + 1);
        throw { code: "bad-value", message: `The value for \`${key}\` cannot be copied; functions and elements cannot.` };
      }
    });
  },

  localValues(records, now) {
    return Array.from(records, (record) => (isValid(record, now) ? record.value : undefined));
  },

  localEntries(prefix, found, held, from = "", limit, now) {
    let records = found;
    if (held.length > 0) {
      const ids = new Set(held.map(({ id }) => id));
      const newer = held.filter(({ at }) => at > from).map((record) => structuredClone(record));
      records = [...found.filter(({ id }) => !ids.has(id)), ...newer].sort((a, b) => (a.at < b.at ? -1 : 1));
    }
    const entries = [];
    for (const record of records) {
      if (entries.length === limit) break;
      if (isValid(record, now)) entries.push([record.id.slice(prefix.length), record.value]);
    }
    return entries;
  },
};

/** A moment as a text of eleven characters: the later, the less. */
function order(moment) {
  return (Number.MAX_SAFE_INTEGER - Math.round(moment * 1024)).toString(36).padStart(11, "0");
}

function checked(key) {
  // Where browsers cannot tell, nothing is lost but this message.
  if (typeof key === "string" && key.isWellFormed?.() !== false) return key;
  throw { code: "bad-params", message: "The key must be a string of well-formed Unicode." };
}

/** Whether it is ours, and not expired. */
function isValid(record, now) {
  return typeof record?.id === "string" && !(record.expires <= now);
}
