// The form of a recipient shows the fields of the chosen channel alone; without this script the others are folded.
const way = document.getElementById("way");
const follow = () => {
  for (const channel of document.querySelectorAll("[data-channel]")) {
    channel.open = channel.dataset.channel === way.value;
    channel.hidden = !channel.open;
  }
};
way.addEventListener("change", follow);
follow();
