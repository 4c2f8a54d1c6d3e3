"""URLs of the app, to be included at the root of a project."""

from .private_storage import urls as private_storage_urls

urlpatterns = [*private_storage_urls.urlpatterns]
