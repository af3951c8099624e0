import { useState } from "react";
import { useRelease } from "../release";

export function ReleaseBanner() {
  const bring = useRelease();
  const [asked, setAsked] = useState(false);
  if (bring === null) return null;
  return (
    <div className="release-banner" role="status">
      <span>
        <strong>A new version is ready.</strong>
      </span>
      <button
        type="button"
        disabled={asked}
        onClick={() => {
          setAsked(true);
          bring();
        }}
      >
        {asked ? "One moment…" : "Reload"}
      </button>
    </div>
  );
}
