import { useEffect, useState } from "react";
import { database } from "./sdk-raw.js";
import { LIST, show } from "./sdk-paint.js";

const opening = database();

async function read() {
  const db = await opening;
  const stored = await new Promise((resolve) => {
    db.transaction("lists").objectStore("lists").get(LIST).onsuccess = ({ target }) => resolve(target.result);
  });
  if (stored) return stored.data.files;
  const { data } = await (await fetch(LIST)).json();
  await new Promise((resolve) => {
    const transaction = db.transaction("lists", "readwrite");
    transaction.oncomplete = resolve;
    transaction.objectStore("lists").put({ key: LIST, data });
  });
  return data.files;
}

show(() => {
  const [files, setFiles] = useState();
  useEffect(() => void read().then(setFiles), []);
  return files;
});
