import { useState } from "react";
import { check, useOnline } from "../network";
import { CloudOffIcon } from "./icons";

export function OfflineBanner() {
  const online = useOnline();
  const [checking, setChecking] = useState(false);
  if (online) return null;
  return (
    <div className="offline-banner" role="status">
      <CloudOffIcon size={18} />
      <span>
        <strong>You are offline.</strong> What this device has stored still works.
      </span>
      <button
        type="button"
        disabled={checking}
        onClick={() => {
          setChecking(true);
          void check().finally(() => setChecking(false));
        }}
      >
        {checking ? "Trying…" : "Try again"}
      </button>
    </div>
  );
}
