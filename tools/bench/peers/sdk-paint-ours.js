import { createElement, useEffect, useState } from "react";
import { open } from "@tiercel/sdk";
import { TiercelProvider, useResource } from "@tiercel/sdk/react";
import { show } from "./sdk-paint.js";

const opening = open({ user: "abc123" });

function Provider({ children }) {
  const [client, setClient] = useState(null);
  useEffect(() => void opening.then(setClient), []);
  return createElement(TiercelProvider, { client }, children);
}

show(() => useResource("user-files").data?.data.files, (page) => createElement(Provider, null, page));
