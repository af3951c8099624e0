// IndexedDB by hand: one transaction, one request for each record, `getAll` for lists. It stands for the limit.

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });

export function database() {
  const opening = indexedDB.open("bench", 1);
  opening.onupgradeneeded = () => {
    for (const name of ["files", "thousand"]) opening.result.createObjectStore(name, { keyPath: "id" }).createIndex("added", "added");
    opening.result.createObjectStore("lists", { keyPath: "key" });
  };
  return settled(opening);
}

export async function open() {
  const db = await database();
  const store = (name) => {
    const reading = () => db.transaction(name).objectStore(name);
    const writing = (write) => {
      const transaction = db.transaction(name, "readwrite");
      write(transaction.objectStore(name));
      return committed(transaction);
    };
    const newest = (count) => settled(reading().index("added").getAll({ count, direction: "prev" }));
    return {
      put: (file) => writing((store) => store.put(file)),
      putMany: (files) => writing((store) => files.forEach((file) => store.put(file))),
      get: (id) => settled(reading().get(id)),
      newest,
      all: () => newest(),
      clear: () => writing((store) => store.clear()),
    };
  };
  return { files: store("files"), thousand: store("thousand"), close: () => db.close() };
}
