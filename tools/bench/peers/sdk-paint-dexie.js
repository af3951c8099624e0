import { useEffect, useState } from "react";
import { liveQuery } from "dexie";
import { database } from "./sdk-dexie.js";
import { LIST, show } from "./sdk-paint.js";

const db = database();

// What dexie-react-hooks does.
function useLiveQuery(query) {
  const [value, setValue] = useState();
  useEffect(() => {
    const subscription = liveQuery(query).subscribe(setValue);
    return () => subscription.unsubscribe();
  }, []);
  return value;
}

async function read() {
  const stored = await db.lists.get(LIST);
  // Before the first visit; what is put is heard of.
  if (!stored) void fetch(LIST).then(async (response) => db.lists.put({ key: LIST, data: (await response.json()).data }));
  return stored;
}

show(() => useLiveQuery(read)?.data.files);
