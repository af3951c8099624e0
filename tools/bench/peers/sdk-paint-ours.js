import { createElement } from "react";
import { open } from "@tiercel/sdk";
import { TiercelProvider, useResource } from "@tiercel/sdk/react";
import { show } from "./sdk-paint.js";

const client = open({ user: "abc123" });

show(() => useResource("user-files").data?.data.files, (page) => createElement(TiercelProvider, { client }, page));
