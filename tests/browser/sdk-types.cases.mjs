// Uses of the package's types under the built-in policy: `cache` is a `Tiercel`, and the bodies of "user-files" and
// "user-stats" and the values of "preferences" are known.

/** What compiles. */
export const RIGHT = [
  // Parameters are left out only where none is required.
  `await cache.get("user-stats");`,
  `await cache.get("user-files");`,
  `await cache.get("user-files", {}, { reload: true });`,
  `await cache.get("user-files", { category: "videos", userId: "abc123" });`,
  `await cache.get("file-info", { category: "videos", fileId: "v1" });`,
  `await cache.get("watch-progress"); await cache.get("watch-progress", { fileId: "v1" });`,
  `const category: string | undefined = undefined; await cache.get("user-files", { category });`,
  // Data is what the app says it is, else unknown.
  `const { data, status, age } = await cache.get("user-files"); data.data.files[0]?.name.trim(); age.toFixed(); status satisfies string;`,
  `const { data } = await cache.get("artists"); data satisfies unknown;`,
  `await cache.get("user-files", {}, { signal: AbortSignal.timeout(1000), onUpdate: ({ data }) => console.log(data.data.files.length) });`,
  `const files: DataOf<"user-files"> = { data: { files: [] } }; const params: Params<"file-info"> = { category: "a", fileId: "b" }; void [files, params];`,
  `const stop: () => void = cache.subscribe("user-files", { category: "videos" }, (result) => result?.data.data.files.map(({ id }) => id)); stop();`,
  // Writing.
  `const { status, queued } = await cache.mutate("delete", { params: { category: "videos", fileId: "v1" } }); status.toFixed(); queued satisfies boolean;`,
  `await cache.mutate("upload", { body: new FormData(), headers: { "X-A": "b" } });`,
  `await cache.mutate("logout");`,
  `await cache.mutate("delete", { params: { category: "videos", fileId: "v1" }, optimistic: [
     { class: "user-files", params: { category: "videos" }, update: ({ data }) => ({ data: { files: data.files.slice(1) } }) },
     { class: "user-stats", update: ({ data }) => ({ data: { files: data.files - 1 } }) },
   ] });`,
  `await cache.invalidate("upload"); await cache.invalidate("delete", { fileId: "v1" });`,
  // Local stores.
  `const store = cache.local("preferences"); await store.set("order", "name"); (await store.get("order"))?.trim();`,
  `for (const [key, value] of await cache.local("preferences").entries({ limit: 3 })) console.log(key.trim(), value.trim());`,
  `await cache.local("history").set("v1", { seen: 1 });`,
  `const store = cache.local("preferences"); await store.setMany(new Map([["order", "name"]])); for (const value of await store.getMany(["order"])) value?.trim();`,
  `const [last] = (await cache.local("preferences").entries({ limit: 3 })).at(-1) ?? []; await cache.local("preferences").entries({ after: last });`,
  `const use: StorageUse | null = await estimate(); use?.quota.toFixed(); (await persist()) satisfies boolean;`,
  `await cache.get("user-stats", {}, { onUpdate: ({ error }) => error?.code.trim() });`,
  // What can be observed.
  `cache.onDecision(({ class: cls, event, source, ms }) => console.log(cls ?? event, source, ms.toFixed()))();`,
  `for (const { key, bytes, fresh } of await cache.stored()) if (!fresh && bytes > 9) await cache.remove(key);`,
  `Object.values(await cache.counters()).map((counters) => Object.values(counters).map((count) => count.toFixed()));`,
  `const opened: Tiercel = await open({ user: null, baseUrl: "https://api.example", retry: 0, refetchOnFocus: false }); opened.close();`,
  `const credential = async (user: string) => user.trim(); await open({ user: "a", credential }); await register({ credential });`,
  `await (await register({ url: "/sw.js" }))?.identify("abc123");`,
  `try { await cache.logout(); } catch (error) { if (error instanceof TiercelError) error.code.trim(); }`,
  // React.
  `const { data, isLoading, refetch, error } = useResource("user-files", { category: "videos" }); data?.data.files.length.toFixed(); void refetch(); void [isLoading, error?.message];`,
  `useResource("user-stats"); useResource("user-stats", null); useResource("file-info", null); useResource("user-files", {}, { keepPrevious: true });`,
  `const { mutate, isPending, error } = useMutation("delete"); await mutate({ params: { category: "a", fileId: "b" } }); void [isPending, error?.message];`,
  `await useMutation("upload").mutate();`,
  `const [order = "name", setOrder, isLoading] = useLocal("preferences", "order"); order.trim(); await setOrder("size"); await setOrder(undefined); void isLoading;`,
  `useTiercel()?.close();`,
  `return <TiercelProvider client={cache}><p /><tiercel-inspector client={cache} hidden /></TiercelProvider>;`,
  `return <TiercelProvider client={null} />;`,
  `return <TiercelProvider client={open({ user: "a" })} />;`,
  `document.createElement("tiercel-inspector").client = cache;`,
];

/** What does not, with TypeScript's number for the error. */
export const WRONG = [
  // 2345: the argument is not assignable; 2554: there are too few; 2322: the value is not; 2353: there is no such
  // property, 2561: but one that is spelt like it; 2339: there is none, when it is read; 2741: one is missing; 2531 and
  // 18046 to 18048: it may be nothing, or anything.
  [2345, `await cache.get("user-file");`],
  [2345, `await cache.get("thumbnail", { category: "videos", fileId: "v1" });`],
  [2554, `await cache.get("file-info");`],
  [2345, `await cache.get("file-info", { category: "videos" });`],
  [2561, `await cache.get("user-files", { categroy: "videos" });`],
  [2322, `await cache.get("user-files", { category: 7 });`],
  [2322, `await cache.get("file-info", { category: "videos", fileId: undefined });`],
  [2561, `await cache.get("user-files", {}, { relaod: true });`],
  [2339, `const { data } = await cache.get("user-files"); data.files;`],
  [18046, `const { data } = await cache.get("artists"); data.name;`],
  [2367, `const { status } = await cache.get("user-files"); if (status === "old") return;`],
  [2322, `const data: string = (await cache.get("user-files")).data; void data;`],
  [2345, `cache.subscribe("nothing", {}, () => {});`],
  [2345, `cache.subscribe("file-info", { category: "videos" }, () => {});`],
  [18047, `cache.subscribe("user-files", {}, (result) => result.data);`],
  [2345, `await cache.mutate("deleted");`],
  [2554, `await cache.mutate("delete");`],
  [2345, `await cache.mutate("delete", {});`],
  [2741, `await cache.mutate("delete", { params: { category: "videos" } });`],
  [2322, `await cache.mutate("upload", { optimistic: [{ class: "user-stats", update: () => 7 }] });`],
  [2322, `await cache.mutate("upload", { optimistic: [{ class: "file-info", update: (data) => data }] });`],
  [2345, `await cache.invalidate("uploaded");`],
  [2353, `await cache.invalidate("upload", { fileId: "v1" });`],
  [2345, `cache.local("secrets");`],
  [2345, `await cache.local("preferences").set("order", 7);`],
  [2345, `await open({});`],
  [2322, `await open({ user: 7 });`],
  [2353, `await open({ user: "a", retries: 3 });`],
  [2322, `await open({ user: "a", credential: "Bearer x" });`],
  [2345, `useResource("user-file");`],
  [2554, `useResource("file-info");`],
  [2345, `useResource("file-info", { category: "videos" });`],
  [18048, `const { data } = useResource("user-files"); data.data;`],
  [2345, `useMutation("deleted");`],
  [2554, `await useMutation("delete").mutate();`],
  [2345, `useLocal("secrets", "a");`],
  [2345, `await useLocal("preferences", "order")[1](7);`],
  [2531, `useTiercel().close();`],
  [2741, `return <TiercelProvider><p /></TiercelProvider>;`],
  [2322, `return <TiercelProvider client={7} />;`],
  [2322, `return <tiercel-inspector client={7} />;`],
];
