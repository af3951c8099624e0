import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/sign-in.css";
import "./styles/library.css";
import "./styles/artists.css";
import "./styles/tiers.css";
import "./styles/activity.css";
import "./styles/dialogs.css";
import "./styles/player.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
