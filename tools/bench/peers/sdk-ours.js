// The packed SDK: files in local stores, whose order is that of writing; lists as a class of the policy.

import { open as openCache } from "@tiercel/sdk";

export async function open() {
  const cache = await openCache({ user: "abc123" });
  const store = (name) => {
    const local = cache.local(name);
    return {
      put: (file) => local.set(file.id, file),
      putMany: (files) => local.setMany(files.map((file) => [file.id, file])),
      get: (id) => local.get(id),
      newest: async (count) => (await local.entries({ limit: count })).map(([, file]) => file),
      all: async () => (await local.entries()).map(([, file]) => file),
      clear: () => local.clear(),
    };
  };
  return { files: store("files"), thousand: store("thousand"), close: () => cache.close() };
}
