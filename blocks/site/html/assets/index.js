// The page over all dashboards: search and order.

const find = document.getElementById("find");
const order = document.getElementById("order");
const none = document.getElementById("none");
const cards = [...document.querySelectorAll(".card")];

const ORDERS = {
  newest: (a, b) => b.dataset.published.localeCompare(a.dataset.published),
  title: (a, b) => a.dataset.title.localeCompare(b.dataset.title, "en", { numeric: true }),
  data: (a, b) => b.dataset.data.localeCompare(a.dataset.data),
};

function showFound() {
  const words = find.value.trim().toLowerCase().split(/\s+/);
  let shown = 0;
  for (const card of cards) {
    const text = card.textContent.toLowerCase();
    card.hidden = !words.every((word) => text.includes(word));
    shown += card.hidden ? 0 : 1;
  }
  none.hidden = shown > 0;
  none.textContent = `No dashboard has "${find.value.trim()}"`;
}

function sortCards() {
  if (order.value) cards[0]?.parentElement.append(...[...cards].sort(ORDERS[order.value]));
}

find?.addEventListener("input", showFound);
order?.addEventListener("change", sortCards);
