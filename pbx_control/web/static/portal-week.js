// The week of a calendar on its page in the portal: a free time leads to booking it, an appointment to its own page.

import { Week } from "./week.js";

const place = document.getElementById("week");
if (place) {
  const { path } = place.dataset;
  const kind = document.getElementById("week-kind");
  const chosen = () => (kind ? kind.value : place.dataset.kind);
  const week = new Week(place, {
    load: async ({ from, days }) => {
      const asked = new URLSearchParams({ days, kind: chosen(), ...(from && { from }) });
      const answer = await fetch(`${path}/week?${asked}`, { headers: { accept: "application/json" } });
      const told = await answer.json();
      if (!answer.ok) throw Object.assign(new Error(told.what), { told: told.what });
      return told;
    },
    pick: ({ starts }) => location.assign(`${path}/book?${new URLSearchParams({ starts, kind: chosen() })}`),
    choose: ({ id }) => location.assign(`${path}/appointments/${id}`),
  });
  kind?.addEventListener("change", () => week.reload());
  week.reload();
}
