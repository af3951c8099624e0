document.body.dataset.release = "1";
