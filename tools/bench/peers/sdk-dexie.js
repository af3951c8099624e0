// Dexie 4, as its documentation has it.

import { Dexie } from "dexie";

export function database() {
  const db = new Dexie("bench");
  db.version(1).stores({ files: "id, added", thousand: "id, added", lists: "key" });
  return db;
}

export async function open() {
  const db = database();
  await db.open();
  const store = (table) => ({
    put: (file) => table.put(file),
    putMany: (files) => table.bulkPut(files),
    get: (id) => table.get(id),
    newest: (count) => table.orderBy("added").reverse().limit(count).toArray(),
    // One request; with reverse() it would go through them with a cursor.
    all: async () => (await table.orderBy("added").toArray()).reverse(),
    clear: () => table.clear(),
  });
  return { files: store(db.files), thousand: store(db.thousand), close: () => db.close() };
}
